package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/graph"
	"github.com/kars-dev/kars/internal/kube"
	"github.com/kars-dev/kars/internal/sandbox"
	"github.com/kars-dev/kars/test/product"
)

// secondSandbox adds a sandbox, tries to get its identity from elsewhere, and
// deletes it.
func secondSandbox(t *testing.T, h *product.Home) {
	h.Must(t, "add", "second")
	first, second := sandboxNamed(t, h, assistant), sandboxNamed(t, h, "second")
	if first.AgentIdentity.ObjectID == second.AgentIdentity.ObjectID {
		t.Fatalf("both sandboxes are %s", first.AgentIdentity.ObjectID)
	}
	answers(t, h, "second")
	if call := lastModelCall(t, h); call.Caller.ObjectID != second.AgentIdentity.ObjectID {
		t.Errorf("the second sandbox called the model as %s, want %s", call.Caller.ObjectID, second.AgentIdentity.ObjectID)
	}
	t.Run("U23: the broker gives a pod its own identity's token and refuses everybody else", func(t *testing.T) {
		brokerTellsPodsApart(t, h, first, second)
	})

	azure, k, space := h.Azure(t), h.Kube(t), sandbox.Namespace("kars", "second")
	administratorCannotBe(t, k, "second")
	b, left := reachBroker(t, k), podToken(t, k, "second")
	object := "/v1.0/servicePrincipals/" + second.AgentIdentity.ObjectID
	if n := len(modelRoles(t, azure, second.AgentIdentity.ObjectID)); n != 1 {
		t.Errorf("the second identity has %d roles to call models, want 1", n)
	}
	if err := azure.Graph.Do(t.Context(), http.MethodGet, object, nil, nil); err != nil {
		t.Errorf("before the deletion: %v", err)
	}
	h.Must(t, "delete", "second")
	if n := len(modelRoles(t, azure, second.AgentIdentity.ObjectID)); n != 0 {
		t.Errorf("the deleted sandbox's identity still has %d roles", n)
	}
	if err := azure.Graph.Do(t.Context(), http.MethodGet, object, nil, nil); !graph.IsNotFound(err) {
		t.Errorf("reading the deleted sandbox's identity: %v, want that there is none", err)
	}
	if err := k.Client().Get(t.Context(), client.ObjectKey{Name: space}, &corev1.Namespace{}); !apierrors.IsNotFound(err) {
		t.Errorf("reading the deleted sandbox's namespace %s: %v, want that there is none", space, err)
	}
	status, body := b.ask(t, http.MethodPost, "/v1/token", left, `{"resource":"https://cognitiveservices.azure.com"}`)
	if status != http.StatusUnauthorized && status != http.StatusForbidden {
		t.Errorf("the deleted pod's token got %d %s", status, body)
	}
	answers(t, h, assistant)
}

// brokerTellsPodsApart asks the broker as others might, with the token that a
// node has put into a pod and with tokens of other service accounts.
func brokerTellsPodsApart(t *testing.T, h *product.Home, first, second product.Sandbox) {
	k := h.Kube(t)
	b := reachBroker(t, k)
	const model = `{"resource":"https://cognitiveservices.azure.com"}`
	for _, sb := range []product.Sandbox{first, second} {
		status, body := b.ask(t, http.MethodPost, "/v1/token", podToken(t, k, sb.Name), model)
		if who := appIDOf(t, body); status != http.StatusOK || who != sb.AgentIdentity.AppID {
			t.Errorf("the pod of %s got %d and a token of %q, want one of %s", sb.Name, status, who, sb.AgentIdentity.AppID)
		}
	}
	own := podToken(t, k, first.Name)
	other := "/v1/identities/kars/" + second.Name
	stranger := func(audience string) string { return requestToken(t, k, "default", audience) }
	for says, try := range map[string]struct {
		method, path, token, body string
		status                    int
	}{
		"a pod that names another sandbox in its request":       {http.MethodPost, "/v1/token", own, `{"resource":"https://cognitiveservices.azure.com","sandbox":"second"}`, 400},
		"a pod that asks for a resource nobody granted":         {http.MethodPost, "/v1/token", own, `{"resource":"https://management.azure.com"}`, 403},
		"a pod that plays the controller":                       {http.MethodPut, other, own, `{"uid":"1","displayName":"x"}`, 401},
		"a service account that plays the controller":           {http.MethodDelete, other + "?uid=1", stranger("kars-broker-admin"), "", 403},
		"a service account of a namespace that is no sandbox's": {http.MethodPost, "/v1/token", stranger(sandbox.BrokerAudience), model, 403},
		"a service account with a token for the API server":     {http.MethodPost, "/v1/token", stranger(""), model, 401},
		"nobody": {http.MethodPost, "/v1/token", "", model, 401},
	} {
		t.Run(says, func(t *testing.T) {
			status, body := b.ask(t, try.method, try.path, try.token, try.body)
			if status != try.status || strings.Contains(body, "accessToken") {
				t.Errorf("the broker answered %d %s, want %d and no token", status, body, try.status)
			}
		})
	}
}

// administratorCannotBe tries to get a sandbox's service-account token from the
// API server as the cluster's administrator.
func administratorCannotBe(t *testing.T, k *kube.Client, name string) {
	t.Helper()
	_, err := k.Clientset().CoreV1().ServiceAccounts(sandbox.Namespace("kars", name)).
		CreateToken(t.Context(), sandbox.ServiceAccount, &authentication.TokenRequest{
			Spec: authentication.TokenRequestSpec{Audiences: []string{sandbox.BrokerAudience}},
		}, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		t.Errorf("a token of the service account of %s, made for the administrator: %v, want it refused", name, err)
	}
}

// broker is the running broker, through a port-forward.
type broker struct {
	client http.Client
}

func reachBroker(t *testing.T, k *kube.Client) *broker {
	t.Helper()
	pods, err := k.Clientset().CoreV1().Pods(v1alpha1.SystemNamespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=kars-broker"})
	if err != nil || len(pods.Items) == 0 {
		t.Fatalf("the broker's pods: %v", err)
	}
	ca := &corev1.ConfigMap{}
	if err := k.Client().Get(t.Context(), client.ObjectKey{Namespace: v1alpha1.SystemNamespace, Name: v1alpha1.BrokerCAConfigMap}, ca); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca.Data[v1alpha1.CAKey])) {
		t.Fatal("the broker's authority is no certificate")
	}
	address, stop, err := k.PortForward(t.Context(), v1alpha1.SystemNamespace, pods.Items[0].Name, sandbox.BrokerPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return &broker{http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}}
}

func (b *broker) ask(t *testing.T, method, path, token, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://kars-broker.kars-system.svc"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// podToken is the token that the kubelet has put into the sandbox's pod, read
// as only the machine's root can. The API server gives it to nodes alone.
func podToken(t *testing.T, k *kube.Client, name string) string {
	t.Helper()
	space := sandbox.Namespace("kars", name)
	pod := &corev1.Pod{}
	if err := k.Client().Get(t.Context(), client.ObjectKey{Namespace: space, Name: name}, pod); err != nil {
		t.Fatal(err)
	}
	// A node's mounts are seen through the root of its processes.
	in := "/proc/[0-9]*/root/var/lib/kubelet/pods/" + string(pod.UID) + "/volumes/kubernetes.io~projected/broker-token/token"
	files, err := filepath.Glob(in)
	if err != nil || len(files) == 0 {
		t.Fatalf("no node has a token of the pod %s/%s: %v", space, name, err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// requestToken asks the API server for a token of the service account default.
func requestToken(t *testing.T, k *kube.Client, namespace, audience string) string {
	t.Helper()
	request := &authentication.TokenRequest{}
	if audience != "" {
		request.Spec.Audiences = []string{audience}
	}
	got, err := k.Clientset().CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), "default", request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return got.Status.Token
}

// appIDOf reads whose token the broker gave.
func appIDOf(t *testing.T, body string) string {
	t.Helper()
	var reply struct {
		AccessToken string `json:"accessToken"`
	}
	if err := json.NewDecoder(bytes.NewBufferString(body)).Decode(&reply); err != nil {
		t.Fatalf("the broker answered %s", body)
	}
	claims, ok := decodeToken(reply.AccessToken)
	if !ok {
		t.Fatalf("the broker answered no token")
	}
	return claims.AppID
}
