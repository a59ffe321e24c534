package chart

import "testing"

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"---\nkind: A\n---\n# nothing\n---\nkind: B\n", "a: [", "\x00", "- a\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, manifest string) {
		objects, err := parse(manifest)
		for _, o := range objects {
			if err == nil && len(o.Object) == 0 {
				t.Errorf("%q gives an empty object", manifest)
			}
		}
	})
}
