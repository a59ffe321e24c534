package trust

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kars-dev/kars/internal/barrier"
)

const (
	// The types of Entra Agent ID as path segments;
	// learn.microsoft.com/graph/api/agentidentityblueprint-post
	blueprintType = "microsoft.graph.agentIdentityBlueprint"
	principalType = "microsoft.graph.agentIdentityBlueprintPrincipal"

	tagManaged = "kars-managed:true"
	tagCluster = "kars-cluster:"
	tagShared  = "kars-shared:true"

	// replicationTime bounds the wait until a new application has reached the
	// replica that is asked next.
	replicationTime = 2 * time.Minute
)

// application is a blueprint as Graph answers it.
type application struct {
	ID          string   `json:"id"`
	AppID       string   `json:"appId"`
	DisplayName string   `json:"displayName"`
	Tags        []string `json:"tags"`
	Reference   string   `json:"serviceManagementReference"`
}

// clusterTag is a tag of fixed length: an ARM id may be longer than Entra
// allows a tag to be.
func clusterTag(cluster string) string {
	if cluster == "" {
		return tagShared
	}
	sum := sha256.Sum256([]byte(strings.ToLower(cluster)))
	return tagCluster + hex.EncodeToString(sum[:16])
}

func (a application) tagged(cluster string) bool {
	return slices.Contains(a.Tags, clusterTag(cluster))
}

const selectBlueprint = "$select=id,appId,displayName,tags,serviceManagementReference"

func blueprintPath(objectID string) string {
	return "/applications/" + url.PathEscape(objectID) + "/" + blueprintType
}

// setup is one run of Ensure.
type setup struct {
	graph Graph
	r     Request
}

// blueprint finds the blueprint or makes it, and repairs what drifted.
func (s setup) blueprint(ctx context.Context) (application, Status, error) {
	if s.r.BlueprintAppID != "" {
		app, err := s.adopted(ctx)
		return app, Unchanged, err
	}
	app, err := s.find(ctx)
	if err != nil {
		return application{}, "", err
	}
	if app.ID == "" {
		app, err = s.create(ctx)
		return app, Created, err
	}
	return s.repair(ctx, app)
}

// adopted reads a blueprint that someone else made (U37).
func (s setup) adopted(ctx context.Context) (application, error) {
	filter := "$filter=" + url.QueryEscape("appId eq '"+quote(s.r.BlueprintAppID)+"'") + "&" + selectBlueprint
	found, err := list[application](ctx, s, "/applications/"+blueprintType+"?"+filter)
	if err != nil {
		return application{}, err
	}
	if len(found) == 0 {
		return application{}, fmt.Errorf("the tenant has no agent identity blueprint with the application id %s", s.r.BlueprintAppID)
	}
	return found[0], nil
}

// find returns the recorded blueprint if it still exists, else one with the
// cluster's tag that the caller owns, else none.
func (s setup) find(ctx context.Context) (application, error) {
	if s.r.RecordedObjectID != "" {
		var app application
		err := s.do(ctx, http.MethodGet, blueprintPath(s.r.RecordedObjectID)+"?"+selectBlueprint, nil, &app)
		if err == nil || !notFound(err) {
			return app, err
		}
	}
	filter := "$filter=" + url.QueryEscape("displayName eq '"+quote(s.r.BlueprintName)+"'") + "&" + selectBlueprint
	named, err := list[application](ctx, s, "/applications/"+blueprintType+"?"+filter)
	if err != nil {
		return application{}, err
	}
	foreign := false
	for _, app := range named {
		if !app.tagged(s.r.Cluster) {
			continue
		}
		mine, err := s.owned(ctx, app)
		if err != nil {
			return application{}, err
		}
		if mine {
			return app, nil
		}
		foreign = true
	}
	if foreign {
		return application{}, fmt.Errorf("%s: %w", s.r.BlueprintName, ErrForeign)
	}
	return application{}, nil
}

func (s setup) owned(ctx context.Context, app application) (bool, error) {
	owners, err := list[struct {
		ID string `json:"id"`
	}](ctx, s, "/applications/"+url.PathEscape(app.ID)+"/owners?$select=id")
	if err != nil {
		return false, err
	}
	for _, o := range owners {
		if strings.EqualFold(o.ID, s.r.CallerID) {
			return true, nil
		}
	}
	return false, nil
}

// create makes a typed blueprint. Without the type it would be an ordinary
// application, which no agent identity can derive from.
func (s setup) create(ctx context.Context) (application, error) {
	in := map[string]any{
		"@odata.type":         "#Microsoft.Graph.AgentIdentityBlueprint",
		"displayName":         s.r.BlueprintName,
		"tags":                []string{tagManaged, clusterTag(s.r.Cluster)},
		"sponsors@odata.bind": s.sponsors(),
	}
	if s.r.CallerIsUser {
		in["owners@odata.bind"] = []string{s.reference("users", s.r.CallerID)}
	}
	if s.r.ServiceManagementReference != "" {
		in["serviceManagementReference"] = s.r.ServiceManagementReference
	}
	var app application
	if err := s.do(ctx, http.MethodPost, "/applications/"+blueprintType, in, &app); err != nil {
		return application{}, err
	}
	if app.ID == "" || app.AppID == "" {
		return application{}, fmt.Errorf("the answer to creating %s holds no id", s.r.BlueprintName)
	}
	return app, nil
}

// repair brings back what someone changed and this run can tell.
func (s setup) repair(ctx context.Context, app application) (application, Status, error) {
	change := map[string]any{}
	if app.DisplayName != s.r.BlueprintName {
		change["displayName"] = s.r.BlueprintName
	}
	if want := s.r.ServiceManagementReference; want != "" && !strings.EqualFold(app.Reference, want) {
		change["serviceManagementReference"] = want
	}
	if !app.tagged(s.r.Cluster) {
		// The recorded one lost its tag: without it a later run could not find it.
		change["tags"] = append(slices.Clone(app.Tags), clusterTag(s.r.Cluster))
	}
	if len(change) == 0 {
		return app, Unchanged, nil
	}
	return app, Updated, s.do(ctx, http.MethodPatch, blueprintPath(app.ID), change, nil)
}

// principal finds the blueprint's principal in this tenant or makes it.
func (s setup) principal(ctx context.Context, app application) (string, Status, error) {
	type servicePrincipal struct {
		ID string `json:"id"`
	}
	filter := "?$filter=" + url.QueryEscape("appId eq '"+quote(app.AppID)+"'") + "&$select=id"
	found, err := list[servicePrincipal](ctx, s, "/servicePrincipals"+filter)
	if err != nil {
		return "", "", err
	}
	if len(found) > 0 {
		return found[0].ID, Unchanged, nil
	}
	var created servicePrincipal
	err = s.replicated(ctx, "the new blueprint is known everywhere", func(ctx context.Context) error {
		return s.do(ctx, http.MethodPost, "/servicePrincipals/"+principalType, map[string]string{"appId": app.AppID}, &created)
	})
	return created.ID, Created, err
}

// replicated repeats f while Graph does not know yet what was just created
// (U29).
func (s setup) replicated(ctx context.Context, what string, f func(context.Context) error) error {
	_, err := barrier.Wait(ctx, barrier.Options{
		What:    what,
		Timeout: replicationTime,
		Probe: func(ctx context.Context) (barrier.Result, error) {
			err := f(ctx)
			if notReplicated(err) {
				return barrier.Result{Evidence: err.Error()}, nil
			}
			return barrier.Result{Done: err == nil}, err
		},
		Clock: s.r.Clock,
	})
	return err
}

func (s setup) sponsors() []string {
	var out []string
	for _, sponsor := range s.r.Sponsors {
		kind := "users"
		if sponsor.Group {
			kind = "groups"
		}
		out = append(out, s.reference(kind, sponsor.ID))
	}
	return out
}

// reference is the URL of a directory object, as binds want it.
func (s setup) reference(kind, id string) string {
	return "https://" + s.r.Cloud.Graph + "/v1.0/" + kind + "/" + url.PathEscape(id)
}

// quote doubles quotes, as OData literals want it.
func quote(s string) string { return strings.ReplaceAll(s, "'", "''") }
