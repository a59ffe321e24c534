package resources

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/store"
)

// deploymentOperations holds, by deployment and operation, what became of each
// resource of a deployment.
const deploymentOperations = "deployment.operations"

// record writes the operation of one resource;
// learn.microsoft.com/rest/api/resources/deployment-operations.
func (r *deploymentRun) record(it item, start time.Time, created bool, failure error) error {
	s := r.provider.service
	sum := sha256.Sum256([]byte(strings.ToLower(it.ID.String())))
	operation := strings.ToUpper(hex.EncodeToString(sum[:8]))
	properties := store.Tree{
		"provisioningOperation": "Create", "provisioningState": arm.Succeeded, "statusCode": "OK",
		"timestamp": stamp(s.Now()), "duration": duration(s.Now().Sub(start)),
		"targetResource": store.Tree{"id": it.ID.String(), "resourceType": it.ID.Type(), "resourceName": it.ID.FullName()},
	}
	if created {
		properties["statusCode"] = "Created"
	}
	if failure != nil {
		e := arm.AsError(failure)
		properties["provisioningState"], properties["statusCode"] = arm.Failed, strings.ReplaceAll(http.StatusText(e.Status), " ", "")
		properties["statusMessage"] = store.Tree{"status": arm.Failed, "error": e}
	}
	id := r.id.String() + "/operations/" + operation
	return s.Store.Update(func(tx *store.Tx) error {
		return tx.Put(deploymentOperations, id, store.Tree{"id": id, "operationId": operation, "properties": properties})
	})
}

// forget removes the operations of a deployment.
func forget(tx *store.Tx, id armid.ID) error {
	var keys []string
	err := tx.Each(deploymentOperations, id.String()+"/operations/", func(key string, _ json.RawMessage) error {
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := tx.Delete(deploymentOperations, key); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) listOperations(_ context.Context, r *arm.Request) (*arm.Response, error) {
	deployment := r.ID.Target()
	if _, err := p.service.Stored(deployment); err != nil {
		return nil, err
	}
	var trees []store.Tree
	err := p.service.Store.View(func(tx *store.Tx) error {
		return tx.Each(deploymentOperations, deployment.String()+"/operations/", func(_ string, raw json.RawMessage) error {
			var t store.Tree
			if err := json.Unmarshal(raw, &t); err != nil {
				return err
			}
			trees = append(trees, t)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	page, err := arm.Paged(r, trees)
	if err != nil {
		return nil, err
	}
	return arm.OK(page), nil
}
