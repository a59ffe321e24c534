package controller

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/azure/cloud"
	brokerclient "github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/kube/kubetest"
	"github.com/kars-dev/kars/internal/sandbox"
)

var cluster kubetest.Cluster

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

const (
	tenant    = "11111111-2222-3333-4444-555555555555"
	blueprint = "22222222-2222-3333-4444-555555555555"
	openAI    = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"
	account   = "/subscriptions/33333333-2222-3333-4444-555555555555/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
)

// world is a running controller between the real API server, a broker and
// Azure Resource Manager, both over HTTP.
type world struct {
	t      *testing.T
	client client.WithWatch
	broker *fakeBroker
	azure  *fakeAzure
	stop   func()
}

// newWorld starts a controller that ends with the test.
func newWorld(t *testing.T) *world {
	t.Helper()
	config := cluster.Config(t)
	k, err := kube.ForConfig(config, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	w := &world{t: t, client: k.Client(), broker: newBroker(t, log), azure: newAzure(t, log)}
	for _, name := range []string{v1alpha1.SystemNamespace, v1alpha1.ResourceNamespace} {
		w.ensure(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	w.ensure(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: v1alpha1.SystemNamespace, Name: v1alpha1.BrokerCAConfigMap},
		Data:       map[string]string{v1alpha1.CAKey: w.broker.ca},
	})
	kubetest.EndNamespaces(t, config)
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start starts a controller; what an earlier one remembered is lost.
func (w *world) start() {
	t := w.t
	t.Helper()
	scheme, err := Scheme()
	if err != nil {
		t.Fatal(err)
	}
	mgr, err := manager.New(cluster.Config(t), manager.Options{
		Scheme:  scheme,
		Cache:   CacheOptions(),
		Metrics: server.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Setup(mgr, w.options()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (w *world) options() Options {
	t := w.t
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(brokerToken), 0o600); err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(dir, "ca.crt")
	broker, err := brokerclient.New(brokerclient.Options{BaseURL: w.broker.url, TokenFile: token, CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	transport, err := cloud.Local(w.azure.address, []byte(w.azure.ca))
	if err != nil {
		t.Fatal(err)
	}
	azure, err := arm.New(credential{}, arm.Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		ClusterName:     "prod",
		Images:          sandbox.Images{Guard: "guard", Router: "router", Agent: "agent"},
		Model:           v1alpha1.Model{Endpoint: "https://a.openai.azure.com", Deployment: "gpt-4.1"},
		BrokerURL:       w.broker.url,
		BrokerCAFile:    ca,
		Identities:      broker,
		ResourceManager: azure,
		Retry:           time.Second,
		SkipNameCheck:   true,
		Log:             slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// credential is a token that only the Azure of this test takes.
type credential struct{}

const armToken = "arm-token"

func (credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: armToken, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func (w *world) ensure(obj client.Object) {
	w.t.Helper()
	err := w.client.Create(w.t.Context(), obj)
	if apierrors.IsAlreadyExists(err) {
		err = w.client.Update(w.t.Context(), obj)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// change changes an object in its present state.
func change[T client.Object](w *world, obj T, f func(T)) {
	w.t.Helper()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(obj), obj); err != nil {
			return err
		}
		f(obj)
		return w.client.Update(w.t.Context(), obj)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// trust creates KarsAuthConfig/default for the rest of the test.
func (w *world) trust() *v1alpha1.KarsAuthConfig {
	w.t.Helper()
	config := &v1alpha1.KarsAuthConfig{
		ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.AuthConfigName},
		Spec: v1alpha1.KarsAuthConfigSpec{
			Tenant:      v1alpha1.Tenant{TenantID: tenant},
			AgentID:     v1alpha1.Blueprint{BlueprintClientID: blueprint, BlueprintObjectID: blueprint},
			Controller:  v1alpha1.ControllerCredential{CredentialMode: v1alpha1.CredentialWorkloadIdentity},
			FoundryRbac: []v1alpha1.ScopedRoles{{Scope: account, RoleDefinitionIDs: []string{openAI}}},
		},
	}
	if err := w.client.Create(w.t.Context(), config); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.client.Delete(context.Background(), config); client.IgnoreNotFound(err) != nil {
			w.t.Error(err)
		}
	})
	return config
}

// sandbox creates a sandbox that is gone, by the controller's doing, before the
// controller is.
func (w *world) sandbox(name string, change func(*v1alpha1.KarsSandbox)) *v1alpha1.KarsSandbox {
	w.t.Helper()
	sb := &v1alpha1.KarsSandbox{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: v1alpha1.ResourceNamespace}}
	sb.Spec.Runtime.Kind = v1alpha1.RuntimeKars
	if change != nil {
		change(sb)
	}
	if err := w.client.Create(w.t.Context(), sb); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.client.Delete(context.Background(), sb); client.IgnoreNotFound(err) != nil {
			w.t.Error(err)
		}
		w.gone(sb)
	})
	return sb
}

func (w *world) gone(sb *v1alpha1.KarsSandbox) {
	w.t.Helper()
	w.poll("sandbox "+sb.Name+" to be gone", func(ctx context.Context) (bool, error) {
		err := w.client.Get(ctx, client.ObjectKeyFromObject(sb), sb.DeepCopy())
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}

// poll ends with the reason of sandboxes that are not as expected.
func (w *world) poll(what string, done wait.ConditionWithContextFunc) {
	w.t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, 30*time.Second, true, done)
	if err == nil {
		return
	}
	list := &v1alpha1.KarsSandboxList{}
	err = errors.Join(err, w.client.List(context.Background(), list))
	for i := range list.Items {
		w.t.Logf("%s: %+v", list.Items[i].Name, list.Items[i].Status)
	}
	w.t.Fatalf("waiting for %s: %v", what, err)
}

// until waits for a state of the sandbox and returns it.
func (w *world) until(sb *v1alpha1.KarsSandbox, what string, is func(*v1alpha1.KarsSandbox) bool) *v1alpha1.KarsSandbox {
	w.t.Helper()
	now := &v1alpha1.KarsSandbox{}
	w.poll(what, func(ctx context.Context) (bool, error) {
		err := w.client.Get(ctx, client.ObjectKeyFromObject(sb), now)
		return err == nil && is(now), client.IgnoreNotFound(err)
	})
	return now
}

// reason waits until a condition of the sandbox has the reason.
func (w *world) reason(sb *v1alpha1.KarsSandbox, kind, reason string) *v1alpha1.KarsSandbox {
	w.t.Helper()
	return w.until(sb, kind+" to be "+reason, func(sb *v1alpha1.KarsSandbox) bool {
		c := meta.FindStatusCondition(sb.Status.Conditions, kind)
		return c != nil && c.Reason == reason && c.ObservedGeneration == sb.Generation
	})
}

func (w *world) phase(sb *v1alpha1.KarsSandbox, phase v1alpha1.Phase) *v1alpha1.KarsSandbox {
	w.t.Helper()
	return w.until(sb, "phase "+string(phase), func(sb *v1alpha1.KarsSandbox) bool { return sb.Status.Phase == phase })
}

// pod waits for the sandbox's pod.
func (w *world) pod(sb *v1alpha1.KarsSandbox, is func(*corev1.Pod) bool) *corev1.Pod {
	w.t.Helper()
	pod := &corev1.Pod{}
	key := client.ObjectKey{Namespace: sandbox.Namespace(sb.Namespace, sb.Name), Name: sb.Name}
	w.poll("the pod of "+sb.Name, func(ctx context.Context) (bool, error) {
		err := w.client.Get(ctx, key, pod)
		return err == nil && pod.DeletionTimestamp.IsZero() && (is == nil || is(pod)), client.IgnoreNotFound(err)
	})
	return pod
}

// run does what a node does with a pod whose containers are ready.
func (w *world) run(pod *corev1.Pod) {
	w.t.Helper()
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if err := w.client.Status().Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
}

// containers are the names of the pod's init containers.
func containers(pod *corev1.Pod) string {
	var names []string
	for _, c := range pod.Spec.InitContainers {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}
