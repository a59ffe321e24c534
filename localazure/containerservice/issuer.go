package containerservice

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kars-dev/kars/localazure/resource"
	"github.com/kars-dev/kars/localazure/store"
)

// issuerKeys holds, by the id in a cluster's issuer, the keys that its
// service-account tokens are signed with, so that they can be verified while
// the cluster is starting too.
const issuerKeys = "cluster.issuerkeys"

func (p *Provider) keepKeys(tree store.Tree, jwks []byte) error {
	if len(jwks) == 0 {
		return nil
	}
	id := resource.Text(tree, "properties", "internalId")
	return p.service.Store.Update(func(tx *store.Tx) error { return tx.Put(issuerKeys, id, json.RawMessage(jwks)) })
}

func (p *Provider) forgetKeys(tree store.Tree) error {
	id := resource.Text(tree, "properties", "internalId")
	return p.service.Store.Update(func(tx *store.Tx) error { return tx.Delete(issuerKeys, id) })
}

// IssuerHandler answers for <region>.oic.prod-aks.azure.com: the discovery
// document and the keys of each cluster's issuer.
func (p *Provider) IssuerHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/{id}/.well-known/openid-configuration", p.serveDiscovery)
	mux.HandleFunc("GET /{tenant}/{id}/openid/v1/jwks", p.serveKeys)
	return mux
}

func (p *Provider) keys(r *http.Request) (keys json.RawMessage, found bool, err error) {
	if !strings.EqualFold(r.PathValue("tenant"), p.service.TenantID) {
		return nil, false, nil
	}
	err = p.service.Store.View(func(tx *store.Tx) error {
		found, err = tx.Get(issuerKeys, r.PathValue("id"), &keys)
		return err
	})
	return keys, found, err
}

func (p *Provider) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	_, found, err := p.keys(r)
	if err != nil || !found {
		p.noKeys(w, r, err)
		return
	}
	location, _, _ := strings.Cut(r.Host, ".")
	issuer := p.issuer(location, r.PathValue("id"))
	document, err := json.Marshal(map[string]any{
		"issuer": issuer, "jwks_uri": issuer + "openid/v1/jwks",
		"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
	if err != nil {
		p.noKeys(w, r, err)
		return
	}
	writeDocument(w, document)
}

func (p *Provider) serveKeys(w http.ResponseWriter, r *http.Request) {
	keys, found, err := p.keys(r)
	if err != nil || !found {
		p.noKeys(w, r, err)
		return
	}
	writeDocument(w, keys)
}

func (p *Provider) noKeys(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		p.service.Log.ErrorContext(r.Context(), "reading an issuer's keys", "path", r.URL.Path, "error", err)
		http.Error(w, "the issuer's keys cannot be read", http.StatusInternalServerError)
		return
	}
	http.NotFound(w, r)
}

func writeDocument(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	// A client that has gone is told nothing more.
	_, _ = w.Write(body)
}
