package arm

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/kars-dev/kars/localazure/action"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// maxBody is ARM's limit for a request;
// learn.microsoft.com/azure/azure-resource-manager/templates/best-practices#template-limits.
const maxBody = 4 << 20

// answer takes a request through the steps in which ARM does: version, token,
// permission, then the resource.
func (s *Service) answer(r *http.Request) (*Response, error) {
	version, err := apiVersion(r)
	if err != nil {
		return nil, err
	}
	claims, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	r.URL.Path = currentPath(r.URL.Path)
	request := &Request{Request: r, APIVersion: version, Caller: claims, Body: body}
	if route, params, ok := s.route(r.Method, r.URL.Path); ok {
		return s.answerRoute(request, route, params)
	}
	if request.ID, err = armid.Parse(r.URL.Path); err != nil {
		return nil, Errorf(http.StatusNotFound, "InvalidResourceId", "%v.", err)
	}
	if err := s.known(request.ID); err != nil {
		return nil, err
	}
	return s.answerResource(request)
}

func apiVersion(r *http.Request) (string, error) {
	version := ""
	for name, values := range r.URL.Query() {
		if strings.EqualFold(name, "api-version") {
			version = values[0]
		}
	}
	switch {
	case version == "":
		return "", Errorf(http.StatusBadRequest, "MissingApiVersionParameter",
			"The api-version query parameter (?api-version=) is required for all requests.")
	case !versionForm().MatchString(version):
		return "", Errorf(http.StatusBadRequest, "InvalidApiVersionParameter",
			"The api-version '%s' is invalid. The supported versions are dates in the form 'yyyy-MM-dd', with an optional suffix such as '-preview'.", version)
	}
	return version, nil
}

func versionForm() *regexp.Regexp {
	return regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-[A-Za-z]+(\.\d+)?)?$`)
}

func readBody(r *http.Request) (store.Tree, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, Errorf(http.StatusRequestEntityTooLarge, "RequestContentTooLarge",
			"The request content size exceeds the maximum size of %d MB.", maxBody>>20)
	}
	if err != nil {
		return nil, Errorf(http.StatusBadRequest, "InvalidRequestContent", "The request content could not be read: %v.", err)
	}
	if len(raw) == 0 {
		return nil, nil
	}
	var body store.Tree
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, Errorf(http.StatusBadRequest, "InvalidRequestContent",
			"The request content was invalid and could not be deserialized: '%v'.", err)
	}
	return body, nil
}

// known refuses subscriptions, providers and types that do not exist.
func (s *Service) known(id armid.ID) error {
	if id.Subscription != "" {
		if err := s.knownSubscription(id.Subscription); err != nil {
			return err
		}
	}
	if len(id.Providers) == 0 {
		return nil
	}
	if _, ok := s.provider(id.Namespace()); !ok {
		return Errorf(http.StatusNotFound, "InvalidResourceNamespace", "The resource namespace '%s' is invalid.", id.Namespace())
	}
	return nil
}

func (s *Service) knownSubscription(subscription string) error {
	if _, err := uuid.Parse(subscription); err != nil {
		return Errorf(http.StatusBadRequest, "InvalidSubscriptionId", "The provided subscription identifier '%s' is malformed or invalid.", subscription)
	}
	found := false
	err := s.Store.View(func(tx *store.Tx) (err error) {
		_, found, err = resource.Get(tx, "/subscriptions/"+subscription)
		return err
	})
	if err != nil || found {
		return err
	}
	return Errorf(http.StatusNotFound, "SubscriptionNotFound", "The subscription '%s' could not be found.", subscription)
}

func (s *Service) answerRoute(r *Request, route Route, params map[string]string) (*Response, error) {
	r.Params = params
	if route.Read {
		requests.SetRead(r.Context())
	}
	id, err := armid.Parse(r.URL.Path)
	if err != nil && !route.Open {
		return nil, Errorf(http.StatusNotFound, "InvalidResourceId", "%v.", err)
	}
	r.ID = id
	if id.Subscription != "" {
		if err := s.knownSubscription(id.Subscription); err != nil {
			return nil, err
		}
	}
	if need, ok := action.Of(r.Method, id); ok && !route.Open {
		if err := s.Authorize(r.Context(), r.Caller, need, nil); err != nil {
			return nil, err
		}
		if err := s.guardRoute(r, need); err != nil {
			return nil, err
		}
	}
	if route.Registered {
		if err := s.Store.View(func(tx *store.Tx) error { return s.registered(tx, id) }); err != nil {
			return nil, err
		}
	}
	return route.Handle(r.Context(), r)
}

func (s *Service) answerResource(r *Request) (*Response, error) {
	ctx, id := r.Context(), r.ID
	if id.Rest != "" {
		return s.answerRest(r)
	}
	t, ok := s.Type(id.Type())
	if !ok || !id.IsResource() && len(id.Providers) > 0 {
		return nil, s.unknownType(id)
	}
	if t.ReadOnly && r.Method != http.MethodGet {
		return nil, notAllowed(r.Method)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if need, ok := action.Of(r.Method, id); ok {
			if err := s.Authorize(ctx, r.Caller, need, nil); err != nil {
				return nil, err
			}
		}
		return s.get(r)
	case http.MethodPut:
		if r.Body == nil {
			return nil, Errorf(http.StatusBadRequest, "InvalidRequestContent", "The request content is empty.")
		}
		outcome, err := s.Put(ctx, r.Caller, id, r.APIVersion, r.Body)
		if err != nil {
			return nil, err
		}
		return s.written(r, t, outcome), nil
	case http.MethodPatch:
		outcome, err := s.patch(ctx, r)
		if err != nil {
			return nil, err
		}
		return s.written(r, t, outcome), nil
	case http.MethodDelete:
		return s.answerDelete(r)
	}
	return nil, notAllowed(r.Method)
}

func notAllowed(method string) error {
	return Errorf(http.StatusMethodNotAllowed, "MethodNotAllowed", "The HTTP method '%s' is not supported at this scope.", method)
}

// answerRest answers for a collection or an operation.
func (s *Service) answerRest(r *Request) (*Response, error) {
	ctx := r.Context()
	need, _ := action.Of(r.Method, r.ID)
	if r.Method == http.MethodPost {
		t, ok := s.Type(r.ID.Type())
		handle := t.Operations[strings.ToLower(r.ID.Rest)]
		if !ok || handle == nil {
			return nil, s.unknownType(r.ID)
		}
		if strings.HasPrefix(strings.ToLower(r.ID.Rest), "list") {
			requests.SetRead(ctx)
		}
		if err := s.Authorize(ctx, r.Caller, need, nil); err != nil {
			return nil, err
		}
		r.ID = r.ID.Target()
		if err := s.guard(ctx, Change{Action: need.Action, ID: r.ID, APIVersion: r.APIVersion}); err != nil {
			return nil, err
		}
		return handle(ctx, r)
	}
	t, ok := s.Type(r.ID.CollectionType())
	if !ok || r.Method != http.MethodGet {
		return nil, s.unknownType(r.ID)
	}
	if err := s.Authorize(ctx, r.Caller, need, nil); err != nil {
		return nil, err
	}
	if t.List != nil {
		return t.List(ctx, r)
	}
	return s.list(r, t.Name)
}

func (s *Service) unknownType(id armid.ID) error {
	kind := id.Type()
	if id.Rest != "" {
		kind = id.CollectionType()
	}
	_, name, _ := strings.Cut(kind, "/")
	return Errorf(http.StatusBadRequest, "InvalidResourceType",
		"The resource type '%s' could not be found in the namespace '%s' for api version.", name, id.Namespace())
}
