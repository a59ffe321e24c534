package graph

import (
	"net/http"

	"github.com/kars-dev/kars/localazure/directory"
)

// relation answers owners and sponsors of an object: the list, and adding and
// removing references.
func (s *Service) relation(t *directory.Tx, c call, o directory.Object, r directory.Relation) (answer, error) {
	read, write := readApplications(), writeApplications()
	switch o.Type {
	case directory.TypeBlueprint:
		read, write = readBlueprints(), agentRight(o.Type, "update")
	case directory.TypeBlueprintPrincipal:
		read, write = readPrincipals(), agentRight(o.Type, "update")
	case directory.TypeAgentIdentity:
		read, write = readAgents(), agentRight(o.Type, "update")
	}
	if r == directory.SponsoredBy {
		write = writeSponsors(o.Type)
	}
	if !c.who.sees(o) && o.Kind == directory.ServicePrincipal {
		return answer{}, errDenied()
	}
	if c.method == http.MethodGet && len(c.path.tail) == 1 {
		if err := c.who.allowed(read, false); err != nil {
			return answer{}, err
		}
		ids, err := t.Linked(o.ID, r)
		if err != nil {
			return answer{}, err
		}
		return c.related(t, ids)
	}
	if err := c.who.may(t, write, o.ID); err != nil {
		return answer{}, err
	}
	switch {
	case c.method == http.MethodPost && c.path.at(1) == "$ref":
		id, err := reference(t, c.body["@odata.id"])
		if err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, addReference(t, o, r, id)
	case c.method == http.MethodDelete && c.path.at(2) == "$ref":
		if err := keepsOne(t, o, r); err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusNoContent}, t.Unlink(o.ID, r, c.path.tail[1])
	}
	return answer{}, errMethod()
}

// keepsOne refuses to take the last sponsor away;
// learn.microsoft.com/graph/api/agentidentity-delete-sponsors.
func keepsOne(t *directory.Tx, o directory.Object, r directory.Relation) error {
	if r != directory.SponsoredBy {
		return nil
	}
	sponsors, err := t.Linked(o.ID, r)
	if err == nil && len(sponsors) < 2 {
		return errBadRequest("At least one sponsor is required.")
	}
	return err
}

func addReference(t *directory.Tx, o directory.Object, r directory.Relation, id string) error {
	if r == directory.SponsoredBy {
		if err := t.CheckSponsor(id); err != nil {
			return err
		}
	}
	p, found, err := t.Principal(id)
	if err != nil {
		return err
	}
	if !found {
		return errNotFound(id)
	}
	return t.Link(o.ID, r, p.ID)
}

// deletedItems answers /directory/deletedItems;
// learn.microsoft.com/graph/api/directory-deleteditems-list.
func (s *Service) deletedItems(t *directory.Tx, c call) (answer, error) {
	if c.path.at(0) != "deleteditems" {
		return answer{}, errUnknownSegment(c.path.at(0))
	}
	if len(c.path.tail) == 1 {
		if c.method != http.MethodGet {
			return answer{}, errMethod()
		}
		if err := c.who.allowed(readApplications(), false); err != nil {
			return answer{}, err
		}
		p := &page{c: c}
		err := t.Deleted("", func(o directory.Object) error {
			if !castTo(c.path.cast, o) {
				return nil
			}
			return p.add(t, o)
		})
		return p.answer("directoryObjects"), err
	}
	o, found, err := t.DeletedObject(c.path.tail[1])
	if err != nil {
		return answer{}, err
	}
	if !found {
		return answer{}, errNotFound(c.path.tail[1])
	}
	return s.deletedItem(t, c, o)
}

func (s *Service) deletedItem(t *directory.Tx, c call, o directory.Object) (answer, error) {
	if c.method == http.MethodGet {
		if err := c.who.allowed(readApplications(), false); err != nil {
			return answer{}, err
		}
		return c.entity(t, http.StatusOK, "directoryObjects", o)
	}
	write := writeApplications()
	switch o.Type {
	case directory.TypeBlueprint, directory.TypeBlueprintPrincipal, directory.TypeAgentIdentity:
		write = agentRight(o.Type, "delete")
	}
	if !c.who.sees(o) {
		return answer{}, errDenied()
	}
	if err := c.who.mayChange(t, write, o); err != nil {
		return answer{}, err
	}
	switch {
	case c.method == http.MethodPost && c.path.at(2) == "restore":
		restored, err := t.Restore(o.ID)
		if err != nil {
			return answer{}, err
		}
		return c.entity(t, http.StatusOK, "directoryObjects", restored)
	case c.method == http.MethodDelete && len(c.path.tail) == 2:
		return answer{status: http.StatusNoContent}, t.Purge(o.ID)
	}
	return answer{}, errMethod()
}
