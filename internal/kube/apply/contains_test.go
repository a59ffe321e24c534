package apply

import (
	"encoding/json"
	"testing"
)

func TestContains(t *testing.T) {
	type m = map[string]any
	type l = []any
	for name, tc := range map[string]struct {
		live, want any
		contains   bool
	}{
		"a default that the server added does not count": {m{"a": "1", "b": "2"}, m{"a": "1"}, true},
		"a different value counts":                       {m{"a": "1"}, m{"a": "2"}, false},
		"a missing value counts":                         {m{}, m{"a": "1"}, false},
		"an empty map asks for nothing":                  {m{}, m{"a": m{}}, true},
		"a map of empty maps asks for nothing":           {m{}, m{"a": m{"b": m{}, "c": l{}}}, true},
		"empty text asks for nothing":                    {m{}, m{"a": ""}, true},
		"empty text is not other text":                   {m{"a": "b"}, m{"a": ""}, false},
		"null asks for nothing":                          {m{"a": "1"}, m{"a": nil}, true},
		"a longer list counts":                           {l{"a", "b"}, l{"a"}, false},
		"a shorter list counts":                          {l{"a"}, l{"a", "b"}, false},
		"defaults inside list elements do not count":     {l{m{"name": "x", "protocol": "TCP"}}, l{m{"name": "x"}}, true},
		"order counts":                                   {l{"a", "b"}, l{"b", "a"}, false},
		"numbers are compared by value":                  {m{"p": int64(80)}, m{"p": float64(80)}, true},
		"a number is not its text":                       {m{"p": int64(80)}, m{"p": "80"}, false},
		"false is not missing":                           {m{}, m{"a": false}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Contains(tc.live, tc.want); got != tc.contains {
				t.Errorf("Contains(%v, %v) = %v, want %v", tc.live, tc.want, got, tc.contains)
			}
		})
	}
}

func FuzzEverythingContainsItself(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}],"c":""}`, `[]`, `0.5`, `"x"`, `{"a":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return
		}
		if !Contains(v, v) {
			t.Errorf("%s does not contain itself", raw)
		}
	})
}
