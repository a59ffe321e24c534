package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	autoscaling "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/api/v1alpha1"
	"github.com/kars-dev/kars/internal/azure/arm"
	"github.com/kars-dev/kars/internal/rbac"
	"github.com/kars-dev/kars/test/product"
)

// openAIUser is the role that lets an identity call a model: Cognitive Services
// OpenAI User, learn.microsoft.com/azure/role-based-access-control/built-in-roles/ai-machine-learning.
const openAIUser = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"

// sandboxNamed is a sandbox as `kars list` shows it.
func sandboxNamed(t *testing.T, h *product.Home, name string) product.Sandbox {
	t.Helper()
	list := product.Decode[product.SandboxList](t, h.Must(t, "list", "-o", "json"))
	i := slices.IndexFunc(list.Sandboxes, func(s product.Sandbox) bool { return s.Name == name })
	if i < 0 || list.Sandboxes[i].AgentIdentity == nil {
		t.Fatalf("kars list shows no sandbox %s with an identity: %+v", name, list)
	}
	return list.Sandboxes[i]
}

// lastModelCall is the last request to the model, as the local Azure saw it.
func lastModelCall(t *testing.T, h *product.Home) product.Request {
	t.Helper()
	all := product.Decode[[]product.Request](t, h.Must(t, "local", "requests", "--plane", "model", "-o", "json"))
	if len(all) == 0 {
		t.Fatal("the local Azure saw no call of a model")
	}
	return all[len(all)-1]
}

func modelCallIsTheAgents(t *testing.T, h *product.Home) {
	auth := &v1alpha1.KarsAuthConfig{}
	if err := h.Kube(t).Client().Get(t.Context(), client.ObjectKey{Name: v1alpha1.AuthConfigName}, auth); err != nil {
		t.Fatal(err)
	}
	answers(t, h, assistant)
	checkModelCall(t, lastModelCall(t, h), sandboxNamed(t, h, assistant), auth.Spec.AgentID.BlueprintClientID)
}

func checkModelCall(t *testing.T, call product.Request, sb product.Sandbox, blueprint string) {
	t.Helper()
	if call.Status != http.StatusOK || !strings.HasSuffix(call.Path, "/chat/completions") {
		t.Errorf("the last call of the model is %s %s: %d", call.Method, call.Path, call.Status)
	}
	c := call.Caller
	if c.ObjectID != sb.AgentIdentity.ObjectID || c.AppID != sb.AgentIdentity.AppID || c.ObjectID != c.AppID {
		t.Errorf("the model was called by oid %s, appid %s; the sandbox is %+v", c.ObjectID, c.AppID, *sb.AgentIdentity)
	}
	if c.IdentityType != "app" || c.Parent != blueprint || blueprint == "" {
		t.Errorf("the model's caller is idtyp %q of blueprint %q, want app of %q", c.IdentityType, c.Parent, blueprint)
	}
}

// modelRoles are the identity's assignments of the role to call models.
func modelRoles(t *testing.T, azure product.Azure, objectID string) []rbac.Assignment {
	t.Helper()
	subscriptions, err := azure.ARM.Subscriptions(t.Context())
	if err != nil || len(subscriptions) != 1 {
		t.Fatalf("subscriptions: %v, %v", subscriptions, err)
	}
	all, err := azure.ARM.RoleAssignments(t.Context(), arm.SubscriptionID(subscriptions[0].ID), "principalId eq '"+objectID+"'")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(a rbac.Assignment) bool { return a.RoleDefinitionID != openAIUser || a.PrincipalID != objectID })
}

// roleIsWhatLetsTheAgentIn takes the agent's role away and lets the controller
// put it back. The controller is held still meanwhile, for it would repair this.
func roleIsWhatLetsTheAgentIn(t *testing.T, h *product.Home) {
	azure, sb := h.Azure(t), sandboxNamed(t, h, assistant)
	roles := modelRoles(t, azure, sb.AgentIdentity.ObjectID)
	if len(roles) != 1 {
		t.Fatalf("the agent identity has %d roles to call models, want 1", len(roles))
	}
	scaleController(t, h, 0)
	if deleted, err := azure.ARM.DeleteRoleAssignment(t.Context(), roles[0].ID); err != nil || !deleted {
		t.Fatalf("deleting %s: %v, %v", roles[0].ID, deleted, err)
	}
	got := h.Run(t, "connect", assistant, "-m", "are you there?")
	if got.Code != 1 || !strings.Contains(got.Stderr, "lacks") || !strings.Contains(got.Stderr, "role") {
		t.Errorf("connect: exit %d, want 1 and why the model refused:\n%s%s", got.Code, got.Stdout, got.Stderr)
	}
	call := lastModelCall(t, h)
	if call.Status != http.StatusForbidden || call.Caller.ObjectID != sb.AgentIdentity.ObjectID {
		t.Errorf("the model answered %d to %s, want 403 to the agent identity %s", call.Status, call.Caller.ObjectID, sb.AgentIdentity.ObjectID)
	}
	scaleController(t, h, 1)
	product.Await(t, time.Minute, "the controller to put the role back", func() (bool, string) {
		n := len(modelRoles(t, azure, sb.AgentIdentity.ObjectID))
		return n == 1, fmt.Sprintf("%d role assignments", n)
	})
	answers(t, h, assistant)
}

// scaleController sets the number of the controller's pods and waits until
// there are as many.
func scaleController(t *testing.T, h *product.Home, n int32) {
	t.Helper()
	deployments := h.Kube(t).Clientset().AppsV1().Deployments(v1alpha1.SystemNamespace)
	scale := &autoscaling.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: "kars-controller", Namespace: v1alpha1.SystemNamespace},
		Spec:       autoscaling.ScaleSpec{Replicas: n},
	}
	if _, err := deployments.UpdateScale(t.Context(), "kars-controller", scale, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	product.Await(t, time.Minute, fmt.Sprintf("%d controllers", n), func() (bool, string) {
		pods, err := h.Kube(t).Clientset().CoreV1().Pods(v1alpha1.SystemNamespace).List(context.Background(),
			metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=kars-controller"})
		if err != nil {
			return false, err.Error()
		}
		return len(pods.Items) == int(n), fmt.Sprintf("%d pods", len(pods.Items))
	})
}
