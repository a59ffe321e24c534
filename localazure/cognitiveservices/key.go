package cognitiveservices

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// keys holds the two keys of each account, apart from its tree.
const keys = "cognitiveservices.keys"

func (p *Provider) makeKeys(w *arm.Write) error {
	if !w.Created() {
		return nil
	}
	var pair [2]string
	for i := range pair {
		raw := make([]byte, 16)
		if _, err := rand.Read(raw); err != nil {
			return err
		}
		pair[i] = hex.EncodeToString(raw)
	}
	return w.Tx.Put(keys, w.ID.String(), pair)
}

func readKeys(tx *store.Tx, id string) (pair [2]string, err error) {
	_, err = tx.Get(keys, id, &pair)
	return pair, err
}

func (p *Provider) listKeys(ctx context.Context, r *arm.Request) (*arm.Response, error) {
	requests.SetRead(ctx)
	account, err := p.service.Stored(r.ID)
	if err != nil {
		return nil, err
	}
	if disabled, _ := resource.Value(account, "properties", "disableLocalAuth").(bool); disabled {
		return nil, arm.Errorf(http.StatusBadRequest, "BadRequest", "Failed to list key. disableLocalAuth is set to be true")
	}
	var pair [2]string
	err = p.service.Store.View(func(tx *store.Tx) (err error) {
		pair, err = readKeys(tx, r.ID.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	return arm.OK(store.Tree{"key1": pair[0], "key2": pair[1]}), nil
}
