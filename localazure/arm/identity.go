package arm

import (
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// identities completes a resource's "identity": a system-assigned one is made,
// user-assigned ones get their ids;
// learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview.
func (s *Service) identities(w *Write) error {
	identity, ok := w.New["identity"].(store.Tree)
	if !ok {
		return nil
	}
	kind := strings.ToLower(resource.Text(identity, "type"))
	if strings.Contains(kind, "systemassigned") {
		p, err := s.Directory.In(w.Tx).CreateManagedIdentity(w.ID.String(), w.ID.Name())
		if err != nil {
			return err
		}
		identity["principalId"], identity["tenantId"] = p.ID, s.TenantID
	} else if err := s.removeIdentity(w.Tx, w.ID, w.Old); err != nil {
		return err
	}
	assigned, _ := identity["userAssignedIdentities"].(store.Tree)
	if strings.Contains(kind, "userassigned") && len(assigned) == 0 {
		return Errorf(http.StatusBadRequest, "MissingIdentityIds",
			"The identity ids must not be null or empty for 'UserAssigned' identity type.")
	}
	for id := range assigned {
		ids, err := IdentityIDs(w.Tx, id)
		if err != nil {
			return err
		}
		assigned[id] = ids
	}
	return nil
}

// IdentityIDs returns the clientId and principalId of a user-assigned identity.
func IdentityIDs(tx *store.Tx, id string) (store.Tree, error) {
	tree, found, err := resource.Get(tx, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, Errorf(http.StatusBadRequest, "FailedIdentityOperation",
			"Identity operation for resource failed with error 'Failed to perform resource identity operation. Status: 'NotFound'. Response: 'Resource '%s' was not found.''.", id)
	}
	return store.Tree{
		"clientId":    resource.Text(tree, "properties", "clientId"),
		"principalId": resource.Text(tree, "properties", "principalId"),
	}, nil
}

// removeIdentity removes a resource's system-assigned identity.
func (s *Service) removeIdentity(tx *store.Tx, id armid.ID, tree store.Tree) error {
	if resource.Text(tree, "identity", "principalId") == "" {
		return nil
	}
	return s.Directory.In(tx).DeleteManagedIdentity(id.String())
}
