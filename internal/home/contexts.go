package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Context is a cluster that kars made, and where it is.
type Context struct {
	Name          string `json:"name"` // <cluster> or <cluster>@local
	Local         bool   `json:"local,omitempty"`
	As            string `json:"as,omitempty"` // the local principal
	Subscription  string `json:"subscription"`
	Tenant        string `json:"tenant"`
	Region        string `json:"region"`
	ResourceGroup string `json:"resourceGroup"`
	Cluster       string `json:"cluster"` // --cluster-name
	Model         string `json:"model,omitempty"`
	// Of an account that was there before, which is not the cluster's own.
	FoundryEndpoint string `json:"foundryEndpoint,omitempty"`
	FoundryID       string `json:"foundryId,omitempty"`
}

// Contexts are all of them; the last used is current.
type Contexts struct {
	Current  string    `json:"current,omitempty"`
	Contexts []Context `json:"contexts"`
}

// ContextName is the name of a cluster's context.
func ContextName(cluster string, local bool) string {
	if local {
		return cluster + "@local"
	}
	return cluster
}

func (h Home) contextsFile() string { return filepath.Join(h.Dir, "contexts.yaml") }

// ReadContexts reads contexts.yaml; without the file there are none.
func (h Home) ReadContexts() (Contexts, error) {
	raw, err := os.ReadFile(h.contextsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return Contexts{}, nil
	}
	if err != nil {
		return Contexts{}, err
	}
	var c Contexts
	if err := yaml.UnmarshalStrict(raw, &c); err != nil {
		return Contexts{}, fmt.Errorf("reading %s: %w", h.contextsFile(), err)
	}
	return c, nil
}

// Find returns the context of this name, the current one for "".
func (c Contexts) Find(name string) (Context, bool) {
	if name == "" {
		name = c.Current
	}
	for _, x := range c.Contexts {
		if x.Name == name {
			return x, true
		}
	}
	return Context{}, false
}

// KeepContext adds or replaces a context and makes it current.
func (h Home) KeepContext(x Context) error {
	return h.changeContexts(func(c *Contexts) {
		c.remove(x.Name)
		c.Contexts = append(c.Contexts, x)
		c.Current = x.Name
	})
}

// ForgetContext removes a context.
func (h Home) ForgetContext(name string) error {
	return h.changeContexts(func(c *Contexts) { c.remove(name) })
}

func (h Home) changeContexts(change func(*Contexts)) error {
	c, err := h.ReadContexts()
	if err != nil {
		return err
	}
	change(&c)
	raw, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return WriteFile(h.contextsFile(), raw)
}

func (c *Contexts) remove(name string) {
	var kept []Context
	for _, x := range c.Contexts {
		if x.Name != name {
			kept = append(kept, x)
		}
	}
	c.Contexts = kept
	if c.Current == name {
		c.Current = ""
		if len(kept) > 0 {
			c.Current = kept[len(kept)-1].Name
		}
	}
}
