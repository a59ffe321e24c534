package preflight

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxFacts is how long a document of facts may be, in bytes. One with four
// thousand role assignments has about two million.
const MaxFacts = 32 << 20

const factsKind = "PreflightFacts"

// JSON renders the facts as the document that [ParseFacts] reads.
func (f Facts) JSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(f); err != nil {
		return nil, fmt.Errorf("writing facts: %w", err)
	}
	return out.Bytes(), nil
}

// ParseFacts reads a document of facts. One of another version, or with a field
// that this version does not know, is refused: deciding without it might come
// to another verdict than where it was gathered.
func ParseFacts(raw []byte) (Facts, error) {
	var f Facts
	if len(raw) > MaxFacts {
		return f, fmt.Errorf("they are longer than %d bytes", MaxFacts)
	}
	var is struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Version    int    `json:"version"`
	}
	if err := json.Unmarshal(raw, &is); err != nil {
		return f, fmt.Errorf("they are not JSON of the expected shape: %w", err)
	}
	if is.APIVersion != apiVersion || is.Kind != factsKind {
		return f, fmt.Errorf("they are apiVersion %q, kind %q and not %s, %s", is.APIVersion, is.Kind, apiVersion, factsKind)
	}
	if is.Version != FactsVersion {
		return f, fmt.Errorf("they are of version %d, and this kars decides from version %d", is.Version, FactsVersion)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Facts{}, fmt.Errorf("they are not JSON of the expected shape: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Facts{}, errors.New("they are more than one document")
	}
	return f, nil
}
