package policy

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kars-dev/kars/localazure/armid"
	"github.com/kars-dev/kars/localazure/store"
)

// builtin/ has a file for each built-in definition that is known here, named by
// its GUID: parameters, mode and rule as they are published at
// github.com/Azure/azure-policy/tree/master/built-in-policies/policyDefinitions.
//
//go:embed builtin/*.json
var files embed.FS

// builtins reads the embedded files once, into trees as the API shows them.
// They are part of the program: a test proves that they parse.
var builtins = sync.OnceValue(func() []store.Tree {
	entries, err := files.ReadDir("builtin")
	if err != nil {
		panic(fmt.Sprintf("listing the embedded policy definitions: %v", err))
	}
	trees := make([]store.Tree, len(entries))
	for i, e := range entries {
		var properties store.Tree
		content, err := files.ReadFile("builtin/" + e.Name())
		if err == nil {
			err = json.Unmarshal(content, &properties)
		}
		if err != nil {
			panic(fmt.Sprintf("reading the embedded policy definition %s: %v", e.Name(), err))
		}
		name := strings.TrimSuffix(e.Name(), ".json")
		trees[i] = store.Tree{
			"id": "/providers/" + DefinitionType + "/" + name, "name": name, "type": DefinitionType, "properties": properties,
		}
	}
	return trees
})

// builtin returns the built-in definition with this id.
func builtin(id string) (store.Tree, bool) {
	i := slices.IndexFunc(builtins(), func(t store.Tree) bool {
		of, _ := t["id"].(string)
		return armid.Equal(of, id)
	})
	if i < 0 {
		return nil, false
	}
	return builtins()[i], true
}
