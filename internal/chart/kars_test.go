package chart

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/sandbox"
)

func TestValuesThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"an image by tag":    {func(v map[string]any) { v["images"].(map[string]any)["agent"] = "kars/agent:latest" }, "agent"},
		"an unknown value":   {func(v map[string]any) { v["imagez"] = 1 }, "imagez"},
		"a missing identity": {func(v map[string]any) { delete(v["azure"].(map[string]any), "controllerClientId") }, "controllerClientId"},
		"a model without TLS": {func(v map[string]any) {
			v["model"].(map[string]any)["endpoint"] = "http://kars.openai.azure.com"
		}, "endpoint"},
		"a bundle that is no certificate": {func(v map[string]any) { v["trust"] = map[string]any{"caBundle": "hello"} }, "caBundle"},
	} {
		t.Run(name, func(t *testing.T) {
			v := values()
			tc.change(v)
			_, err := render(v)
			contains(t, err, tc.want)
		})
	}
}

// TestPodsOfTheSystem holds the system's own pods to the restricted level that
// their namespace enforces, whatever the namespace says.
func TestPodsOfTheSystem(t *testing.T) {
	for _, u := range mustRender(t) {
		if u.GetKind() != "Deployment" {
			continue
		}
		spec, _, err := unstructured.NestedMap(u.Object, "spec", "template", "spec")
		if err != nil {
			t.Fatal(err)
		}
		if root, _, _ := unstructured.NestedBool(spec, "securityContext", "runAsNonRoot"); !root {
			t.Errorf("%s may run as root", u.GetName())
		}
		containers, _, _ := unstructured.NestedSlice(spec, "containers")
		for _, c := range containers {
			m := c.(map[string]any)
			if image := m["image"].(string); !strings.Contains(image, "@sha256:") {
				t.Errorf("%s runs %s, not by digest", u.GetName(), image)
			}
			if readOnly, _, _ := unstructured.NestedBool(m, "securityContext", "readOnlyRootFilesystem"); !readOnly {
				t.Errorf("%s may write to its root file system", u.GetName())
			}
		}
	}
}

// applyChart applies the rendered chart, with its namespace, and waits until
// the admission policies are in force.
func applyChart(t *testing.T, k *kube.Client) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kars-system"}}
	if _, err := k.Apply(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	for _, u := range mustRender(t) {
		if _, err := k.Apply(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
}

func newKube(t *testing.T, user string) *kube.Client {
	t.Helper()
	config := cluster.Config(t)
	config.Impersonate.UserName = user
	k, err := kube.ForConfig(config, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const controllerUser = "system:serviceaccount:kars-system:kars-controller"

func TestTheChartIsValidAndAppliesOnce(t *testing.T) {
	k := newKube(t, "")
	applyChart(t, k)
	_, before := k.Counts()
	for _, u := range mustRender(t) {
		if status, err := k.Apply(t.Context(), u); err != nil || status != event.Unchanged {
			t.Errorf("applying %s %s again: %s, %v", u.GetKind(), u.GetName(), status, err)
		}
	}
	if _, after := k.Counts(); after != before {
		t.Errorf("applying the same chart again wrote %d times", after-before)
	}
}

func poll(t *testing.T, what string, done wait.ConditionWithContextFunc) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, done); err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// newSandbox returns the objects of a sandbox in the entra tier, whose
// namespace and service account exist.
func newSandbox(t *testing.T, k *kube.Client, name string) *sandbox.Objects {
	t.Helper()
	sb := &v1alpha1.KarsSandbox{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kars", UID: "uid-1"}}
	sb.Spec.Runtime.Kind = v1alpha1.RuntimeKars
	sb.Spec.Isolation = v1alpha1.IsolationEnhanced
	images := values()["images"].(map[string]any)
	o, err := sandbox.New(sb, sandbox.Settings{
		Images:    sandbox.Images{Guard: images["guard"].(string), Router: images["router"].(string), Agent: images["agent"].(string)},
		Model:     v1alpha1.Model{Endpoint: "https://kars.openai.azure.com", Deployment: "gpt-4.1"},
		BrokerURL: "https://kars-broker.kars-system.svc",
		BrokerCA:  "ca", CABundle: "bundle", UserNamespaces: true,
		Auth:     &v1alpha1.KarsAuthConfigSpec{Tenant: v1alpha1.Tenant{TenantID: guid}},
		Identity: &v1alpha1.AgentIdentity{AppID: guid, ObjectID: guid},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Apply(t.Context(), o.Namespace, o.ServiceAccount); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOnlySandboxesAreAdmittedToTheirNamespaces(t *testing.T) {
	admin, controller := newKube(t, ""), newKube(t, controllerUser)
	applyChart(t, admin)
	o := newSandbox(t, controller, "admission")
	container := func(p *corev1.Pod, name string) *corev1.Container {
		for i := range p.Spec.InitContainers {
			if p.Spec.InitContainers[i].Name == name {
				return &p.Spec.InitContainers[i]
			}
		}
		return &p.Spec.Containers[0]
	}
	cases := map[string]struct {
		change func(*corev1.Pod)
		want   string // part of the refusal; empty: admitted
	}{
		"the pod that the controller makes": {func(*corev1.Pod) {}, ""},
		"without the token sidecar": {func(p *corev1.Pod) {
			p.Spec.InitContainers = append(p.Spec.InitContainers[:1], p.Spec.InitContainers[2])
		}, ""},
		"without the guard":   {func(p *corev1.Pod) { p.Spec.InitContainers = p.Spec.InitContainers[1:] }, "the containers are"},
		"with the guard last": {func(p *corev1.Pod) { i := p.Spec.InitContainers; i[0], i[2] = i[2], i[0] }, "the containers are"},
		"with one more container": {func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "x", Image: "x"})
		}, "the containers are"},
		"with another guard":                  {func(p *corev1.Pod) { container(p, "guard").Image = "evil" }, "images of this release"},
		"with another router":                 {func(p *corev1.Pod) { container(p, "router").Image = "evil" }, "images of this release"},
		"with an image of one's own as agent": {func(p *corev1.Pod) { container(p, "agent").Image = "mine" }, ""},
		"in the node's network":               {func(p *corev1.Pod) { p.Spec.HostUsers, p.Spec.HostNetwork = nil, true }, "no namespace with its node"},
		"with shared processes":               {func(p *corev1.Pod) { p.Spec.ShareProcessNamespace = new(true) }, "processes between containers"},
		"with the API's token":                {func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = new(true) }, "mounts no token"},
		"with a folder of the node": {func(p *corev1.Pod) {
			p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}
		}, "volumes are"},
		"with a secret": {func(p *corev1.Pod) {
			p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}
		}, "volumes are"},
		"with a token for another audience": {func(p *corev1.Pod) { projected(p).ServiceAccountToken.Audience = "api://AzureADTokenExchange" }, "volumes are"},
		"with the token in the router":      {func(p *corev1.Pod) { mount(container(p, "router"), "broker-token") }, "only the token sidecar"},
		"with the token in the agent":       {func(p *corev1.Pod) { mount(container(p, "agent"), "broker-token") }, "only the token sidecar"},
		"with the socket in the agent":      {func(p *corev1.Pod) { mount(container(p, "agent"), "token-socket") }, "its scratch space alone"},
		"with a value from the cluster": {func(p *corev1.Pod) {
			container(p, "agent").Env[0] = corev1.EnvVar{Name: "X", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}
		}, "takes nothing"},
		"with the agent as the router's user": {func(p *corev1.Pod) { container(p, "agent").SecurityContext.RunAsUser = new(int64(1001)) }, "its own user"},
		"with the agent as root":              {func(p *corev1.Pod) { container(p, "agent").SecurityContext.RunAsUser = new(int64(0)) }, "its own user"},
		"with a capability for the agent": {func(p *corev1.Pod) {
			container(p, "agent").SecurityContext.Capabilities.Add = []corev1.Capability{"NET_ADMIN"}
		}, "NET_ADMIN"},
		"with one more capability for the guard": {func(p *corev1.Pod) {
			c := container(p, "guard").SecurityContext.Capabilities
			c.Add = append(c.Add, "SYS_ADMIN")
		}, "NET_ADMIN"},
		"with a privileged agent": {func(p *corev1.Pod) {
			sc := container(p, "agent").SecurityContext
			sc.Privileged, sc.AllowPrivilegeEscalation = new(true), nil
		}, "without privileges"},
		"without seccomp": {func(p *corev1.Pod) {
			container(p, "agent").SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
		}, "seccomp"},
		"with a guard that stays": {func(p *corev1.Pod) { container(p, "guard").RestartPolicy = new(corev1.ContainerRestartPolicyAlways) }, "the guard ends"},
	}
	inForce(t, admin, o.Pod)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pod := o.Pod.DeepCopy()
			tc.change(pod)
			err := controller.Client().Create(t.Context(), pod, client.DryRunAll)
			if tc.want != "" {
				contains(t, err, tc.want)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
	t.Run("by anyone else", func(t *testing.T) {
		contains(t, admin.Client().Create(t.Context(), o.Pod.DeepCopy(), client.DryRunAll), "only the kars controller")
	})
	t.Run("a debug container", func(t *testing.T) { debugContainer(t, admin, controller, o.Pod.DeepCopy()) })
}

// inForce waits until the policy refuses what everybody but the controller does.
func inForce(t *testing.T, admin *kube.Client, pod *corev1.Pod) {
	t.Helper()
	poll(t, "the admission policy", func(ctx context.Context) (bool, error) {
		err := admin.Client().Create(ctx, pod.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "only the kars controller"), nil
	})
}

func projected(p *corev1.Pod) *corev1.VolumeProjection {
	for i := range p.Spec.Volumes {
		if s := p.Spec.Volumes[i].Projected; s != nil {
			return &s.Sources[0]
		}
	}
	return nil
}

func mount(c *corev1.Container, volume string) {
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: "/stolen"})
}

func debugContainer(t *testing.T, admin, controller *kube.Client, pod *corev1.Pod) {
	if err := controller.Client().Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: "busybox", TerminationMessagePolicy: corev1.TerminationMessageReadFile},
	}}
	poll(t, "the second policy", func(ctx context.Context) (bool, error) {
		_, err := admin.Clientset().CoreV1().Pods(pod.Namespace).UpdateEphemeralContainers(ctx, pod.Name, pod, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), "is not changed"), nil
	})
	fresh := &corev1.Pod{}
	if err := admin.Client().Get(t.Context(), client.ObjectKeyFromObject(pod), fresh); err != nil {
		t.Fatal(err)
	}
	fresh.Labels["x"] = "y"
	if err := admin.Client().Update(t.Context(), fresh, client.DryRunAll); err != nil {
		t.Errorf("a label cannot be changed: %v", err)
	}
	fresh.Spec.Containers[0].Image = "evil"
	contains(t, admin.Client().Update(t.Context(), fresh, client.DryRunAll), "is not changed")
}

// TestNobodyElseSpeaksForASandbox tries, as someone who may do anything that
// RBAC allows, what would make a broker take the caller for a sandbox.
func TestNobodyElseSpeaksForASandbox(t *testing.T) {
	admin, controller := newKube(t, ""), newKube(t, controllerUser)
	applyChart(t, admin)
	o := newSandbox(t, controller, "spoken-for")
	token := func(k *kube.Client, namespace, account string) error {
		_, err := k.Clientset().CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), account, &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{Audiences: []string{sandbox.BrokerAudience}},
		}, metav1.CreateOptions{})
		return err
	}
	poll(t, "the policy on tokens", func(context.Context) (bool, error) {
		err := token(admin, o.Namespace.Name, sandbox.ServiceAccount)
		return err != nil && strings.Contains(err.Error(), "for nodes alone"), nil
	})
	contains(t, token(controller, o.Namespace.Name, sandbox.ServiceAccount), "") // RBAC refuses it already
	if err := token(admin, "kars-system", "kars-broker"); err != nil {
		t.Errorf("the tokens of other namespaces are refused: %v", err)
	}
	node := cluster.Config(t)
	node.Impersonate.UserName, node.Impersonate.Groups = "someone", []string{"system:nodes", "system:masters"}
	kubelet, err := kube.ForConfig(node, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := token(kubelet, o.Namespace.Name, sandbox.ServiceAccount); err != nil {
		t.Errorf("a node gets no token for its pod: %v", err)
	}

	spoof := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "spoof", Labels: o.Namespace.Labels}}
	const refusal = "only the kars controller makes a sandbox's namespace"
	poll(t, "the policy on namespaces", func(ctx context.Context) (bool, error) {
		err := admin.Client().Create(ctx, spoof.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), refusal), nil
	})
	for name, tc := range map[string]struct{ namespace, patch, want string }{
		"taking the role from a sandbox's namespace": {o.Namespace.Name, `{"metadata":{"labels":{"kars.azure.com/role":null}}}`, refusal},
		"giving it to another sandbox":               {o.Namespace.Name, `{"metadata":{"labels":{"kars.azure.com/sandbox-uid":"other"}}}`, refusal},
		"taking all labels":                          {o.Namespace.Name, `{"metadata":{"labels":null}}`, refusal},
		"giving the role to another namespace":       {"default", `{"metadata":{"labels":{"kars.azure.com/role":"sandbox"}}}`, refusal},
		"another label":                              {o.Namespace.Name, `{"metadata":{"labels":{"team":"a"}}}`, ""},
		"another namespace":                          {"default", `{"metadata":{"labels":{"team":"a"}}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tc.namespace}}
			err := admin.Client().Patch(t.Context(), ns, client.RawPatch("application/merge-patch+json", []byte(tc.patch)), client.DryRunAll)
			if tc.want != "" {
				contains(t, err, tc.want)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestNothingRunsBesideTheInstallerOfTheProfile(t *testing.T) {
	admin := newKube(t, "")
	applyChart(t, admin)
	set := &appsv1.DaemonSet{}
	if err := admin.Client().Get(t.Context(), client.ObjectKey{Namespace: "kars-node", Name: "kars-node"}, set); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Apply(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "kars-node", Name: "default"}}); err != nil {
		t.Fatal(err)
	}
	create := func(ctx context.Context, change func(*corev1.PodSpec)) error {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kars-node", Name: "x"}, Spec: *set.Spec.Template.Spec.DeepCopy()}
		change(&pod.Spec)
		return admin.Client().Create(ctx, pod, client.DryRunAll)
	}
	privileged := func(s *corev1.PodSpec) {
		s.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	}
	poll(t, "the admission policy", func(ctx context.Context) (bool, error) {
		err := create(ctx, privileged)
		return err != nil && strings.Contains(err.Error(), "nothing runs here"), nil
	})
	for name, tc := range map[string]struct {
		change func(*corev1.PodSpec)
		want   string
	}{
		"the daemon set's pod": {func(*corev1.PodSpec) {}, ""},
		"another image":        {func(s *corev1.PodSpec) { s.Containers[0].Image = "evil" }, "nothing runs here"},
		"a capability": {func(s *corev1.PodSpec) {
			s.Containers[0].SecurityContext.Capabilities.Add = []corev1.Capability{"SYS_ADMIN"}
		}, "nothing runs here"},
		"one more container": {func(s *corev1.PodSpec) {
			s.Containers = append(s.Containers, corev1.Container{Name: "y", Image: "evil"})
		}, "nothing runs here"},
		"an init container": {func(s *corev1.PodSpec) {
			s.InitContainers = []corev1.Container{{Name: "y", Image: "evil"}}
		}, "nothing runs here"},
		"the node's processes": {func(s *corev1.PodSpec) { s.HostPID = true }, "nothing else"},
		"the node's root":      {func(s *corev1.PodSpec) { s.Volumes[0].HostPath.Path = "/" }, "nothing else"},
	} {
		t.Run(name, func(t *testing.T) {
			err := create(t.Context(), tc.change)
			if tc.want != "" {
				contains(t, err, tc.want)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestTheControllerActsInSandboxesAlone(t *testing.T) {
	admin, controller := newKube(t, ""), newKube(t, controllerUser)
	applyChart(t, admin)
	o := newSandbox(t, controller, "bounds")
	m := func(namespace, name string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	}
	refusal := "in the namespaces of sandboxes alone"
	poll(t, "the admission policy", func(ctx context.Context) (bool, error) {
		err := controller.Client().Create(ctx, m("default", "x"), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), refusal), nil
	})
	for name, tc := range map[string]struct {
		do   func(context.Context, client.Client) error
		want string
	}{
		"a ConfigMap for a sandbox": {func(ctx context.Context, c client.Client) error {
			return c.Create(ctx, m(o.Namespace.Name, "x"), client.DryRunAll)
		}, ""},
		"the sidecar environment": {func(ctx context.Context, c client.Client) error {
			return c.Create(ctx, m("kars-system", v1alpha1.SidecarEnvConfigMap), client.DryRunAll)
		}, ""},
		"another ConfigMap of kars-system": {func(ctx context.Context, c client.Client) error {
			return c.Create(ctx, m("kars-system", v1alpha1.BrokerCAConfigMap), client.DryRunAll)
		}, refusal},
		"a namespace without the role": {func(ctx context.Context, c client.Client) error {
			return c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, client.DryRunAll)
		}, refusal},
		"taking a namespace over": {func(ctx context.Context, c client.Client) error {
			patch := []byte(`{"metadata":{"labels":{"kars.azure.com/role":"sandbox"}}}`)
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
			return c.Patch(ctx, ns, client.RawPatch("application/merge-patch+json", patch), client.DryRunAll)
		}, refusal},
		"deleting a namespace": {func(ctx context.Context, c client.Client) error {
			return c.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kars-system"}}, client.DryRunAll)
		}, refusal},
		"deleting a sandbox's namespace": {func(ctx context.Context, c client.Client) error {
			return c.Delete(ctx, o.Namespace, client.DryRunAll)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.do(t.Context(), controller.Client())
			if tc.want != "" {
				contains(t, err, tc.want)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}
