package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/broker"
	brokerclient "github.com/kars-dev/kars/internal/broker/client"
	"github.com/kars-dev/kars/internal/tenanttest"
)

const model = "https://cognitiveservices.azure.com"

// reviewer answers as the API server does: the audiences are those that the
// token and the question share.
type reviewer map[string]reviewed

type reviewed struct {
	user      string
	audiences []string
	extra     map[string]authentication.ExtraValue
}

func (r reviewer) Create(_ context.Context, in *authentication.TokenReview, _ metav1.CreateOptions) (*authentication.TokenReview, error) {
	out := in.DeepCopy()
	known, ok := r[in.Spec.Token]
	if !ok {
		out.Status.Error = "invalid bearer token"
		return out, nil
	}
	for _, a := range known.audiences {
		if slices.Contains(in.Spec.Audiences, a) {
			out.Status.Audiences = append(out.Status.Audiences, a)
		}
	}
	out.Status.Authenticated = len(out.Status.Audiences) > 0
	out.Status.User = authentication.UserInfo{Username: known.user, Extra: known.extra}
	return out, nil
}

// world is a cluster with two sandboxes, a tenant, and a broker between them.
type world struct {
	t       *testing.T
	tenant  *tenanttest.Tenant
	cluster client.Client
	reviews reviewer
	server  *httptest.Server
	log     *lockedBuffer
	now     time.Time
	trust   *broker.ConfiguredTrust
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	must(t, corev1.AddToScheme(scheme))
	must(t, v1alpha1.AddToScheme(scheme))
	w := &world{
		t: t, tenant: tenanttest.New(t), reviews: reviewer{}, log: &lockedBuffer{}, now: time.Now(),
		cluster: fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.KarsSandbox{}).Build(),
	}
	sponsor := w.tenant.User("sponsor").ID
	w.create(authConfig(w.tenant.Blueprint("kars-blueprint-test", sponsor), sponsor))
	w.trust = broker.NewConfiguredTrust(broker.TrustOptions{
		Cluster: w.cluster, ClusterUID: "cluster-1", AssertionFile: w.assertion(), Transport: w.tenant.Client,
		Metadata: w.tenant.Client, Now: func() time.Time { return w.now },
	})
	s, err := broker.New(broker.Options{
		Review: w.reviews, Cluster: w.cluster, Trust: w.trust.Current,
		Log: slog.New(slog.NewJSONHandler(w.log, nil)), Now: func() time.Time { return w.now },
	})
	must(t, err)
	w.server = httptest.NewServer(s.Handler())
	t.Cleanup(w.server.Close)
	w.reviews["controller"] = reviewed{user: "system:serviceaccount:kars-system:kars-controller", audiences: []string{broker.AudienceAdmin}}
	return w
}

func (w *world) assertion() string {
	path := filepath.Join(w.t.TempDir(), "token")
	must(w.t, os.WriteFile(path, []byte(w.tenant.ServiceAccountToken(tenanttest.Broker, "api://AzureADTokenExchange")), 0o600))
	return path
}

func authConfig(blueprint, sponsor string) *v1alpha1.KarsAuthConfig {
	return &v1alpha1.KarsAuthConfig{
		ObjectMeta: metav1.ObjectMeta{Name: "default"},
		Spec: v1alpha1.KarsAuthConfigSpec{
			Tenant:     v1alpha1.Tenant{TenantID: tenanttest.ID, AuthorityHost: "https://login.microsoftonline.com"},
			AgentID:    v1alpha1.Blueprint{BlueprintClientID: blueprint, SponsorIDs: []string{sponsor}},
			Controller: v1alpha1.ControllerCredential{CredentialMode: v1alpha1.CredentialWorkloadIdentity},
			DownstreamAPIs: map[string]v1alpha1.DownstreamAPI{
				"OpenAI": {BaseURL: "https://acct.openai.azure.com", Scopes: []string{model + "/.default"}},
			},
		},
	}
}

// sandbox makes a KarsSandbox with identity, namespace and pod, and a token of
// the pod: "token-of-<name>".
func (w *world) sandbox(name string) (appID string) {
	w.t.Helper()
	uid := "uid-" + name
	namespace := "kars-" + name + "-0a0b0c0d"
	sb := &v1alpha1.KarsSandbox{ObjectMeta: metav1.ObjectMeta{Namespace: "kars", Name: name, UID: types.UID(uid), Finalizers: []string{v1alpha1.Finalizer}}}
	w.create(sb)
	status, body := w.call("controller", http.MethodPut, "/v1/identities/kars/"+name, brokerclient.EnsureRequest{UID: uid, DisplayName: "kars-test-" + name})
	if status != http.StatusOK {
		w.t.Fatalf("ensuring the identity of %s: %d %s", name, status, body)
	}
	var id brokerclient.Identity
	must(w.t, json.Unmarshal(body, &id))
	sb.Status = v1alpha1.KarsSandboxStatus{
		Namespace: namespace, Pod: name, Tier: v1alpha1.TierEntra,
		AgentIdentity: &v1alpha1.AgentIdentity{AppID: id.AppID, ObjectID: id.ObjectID, DisplayName: id.DisplayName},
	}
	must(w.t, w.cluster.Status().Update(w.t.Context(), sb))
	labels := map[string]string{
		v1alpha1.LabelRole: v1alpha1.RoleSandbox, v1alpha1.LabelSandbox: name,
		v1alpha1.LabelSandboxNamespace: "kars", v1alpha1.LabelSandboxUID: uid,
	}
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: labels}})
	w.create(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("pod-" + name), Labels: labels, Finalizers: []string{"test/stay"}},
		Spec:       corev1.PodSpec{NodeName: "clawpool-1", ServiceAccountName: "sandbox"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	})
	w.reviews["token-of-"+name] = reviewed{
		user: "system:serviceaccount:" + namespace + ":sandbox", audiences: []string{broker.AudienceToken},
		extra: bound(name, "pod-"+name, "clawpool-1"),
	}
	return id.AppID
}

func bound(pod, uid, node string) map[string]authentication.ExtraValue {
	return map[string]authentication.ExtraValue{
		"authentication.kubernetes.io/pod-name":  {pod},
		"authentication.kubernetes.io/pod-uid":   {uid},
		"authentication.kubernetes.io/node-name": {node},
	}
}

func (w *world) create(o client.Object) {
	w.t.Helper()
	must(w.t, w.cluster.Create(w.t.Context(), o))
}

// call sends a request with a bearer token and any body.
func (w *world) call(token, method, path string, body any) (int, []byte) {
	w.t.Helper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	default:
		var err error
		raw, err = json.Marshal(b)
		must(w.t, err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, bytes.NewReader(raw))
	must(w.t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	must(w.t, err)
	return res.StatusCode, out
}

// token asks for a token of the model.
func (w *world) token(as string) (int, []byte) {
	w.t.Helper()
	return w.call(as, http.MethodPost, "/v1/token", brokerclient.TokenRequest{Resource: model})
}

// claims verifies an answer's token at the authority.
func (w *world) appID(body []byte) string {
	w.t.Helper()
	var reply brokerclient.TokenReply
	must(w.t, json.Unmarshal(body, &reply))
	c, err := w.tenant.Authority.Verify(w.t.Context(), reply.AccessToken, model)
	must(w.t, err)
	return c.AppID
}

// code is the code of a refusal.
func code(t *testing.T, body []byte) brokerclient.Code {
	t.Helper()
	var reply brokerclient.ErrorReply
	must(t, json.Unmarshal(body, &reply))
	return reply.Error.Code
}

func change[T client.Object](w *world, key types.NamespacedName, o T, f func(T)) {
	w.t.Helper()
	must(w.t, w.cluster.Get(w.t.Context(), key, o))
	f(o)
	must(w.t, w.cluster.Update(w.t.Context(), o))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is a log that several requests write.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
