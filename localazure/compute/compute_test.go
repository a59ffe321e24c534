package compute

import (
	"strings"
	"testing"

	"github.com/kars-dev/kars/localazure/region"
)

func TestEachSizeIsThereOnceAndInOneFamily(t *testing.T) {
	seen, quotas := map[string]bool{}, map[string]bool{}
	for _, f := range families() {
		if quotas[f.Quota] || f.page == "" || len(f.vcpus) == 0 {
			t.Errorf("family %+v", f)
		}
		quotas[f.Quota] = true
	}
	for _, s := range Sizes() {
		if seen[s.Name] || !strings.HasPrefix(s.Name, "Standard_") || strings.Contains(s.Name, "%") {
			t.Errorf("size %s", s.Name)
		}
		seen[s.Name] = true
		if found, ok := Find(strings.ToUpper(s.Name)); !ok || found.Name != s.Name {
			t.Errorf("%s is found as %s, %t", s.Name, found.Name, ok)
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d sizes", len(seen))
	}
}

func TestARestrictionClosesItsZonesOrTheRegion(t *testing.T) {
	for says, c := range map[string]struct {
		restriction *Restriction
		zones       []string
		want        bool
	}{
		"no restriction closes nothing":               {nil, nil, false},
		"one without zones closes the region":         {&Restriction{}, nil, true},
		"one without zones closes each zone":          {&Restriction{}, []string{"1"}, true},
		"one with zones leaves the region":            {&Restriction{Zones: []string{"1", "2"}}, nil, false},
		"a zone that it names is closed":              {&Restriction{Zones: []string{"1", "2"}}, []string{"2"}, true},
		"a zone that it does not name is open":        {&Restriction{Zones: []string{"1", "2"}}, []string{"3"}, false},
		"zones are closed only if all of them are":    {&Restriction{Zones: []string{"1", "2"}}, []string{"2", "3"}, false},
		"all zones of those that it names are closed": {&Restriction{Zones: []string{"1", "2"}}, []string{"2", "1"}, true},
	} {
		t.Run(says, func(t *testing.T) {
			if got := c.restriction.Closes(c.zones); got != c.want {
				t.Errorf("closes %v: %t", c.zones, got)
			}
		})
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"", "location eq 'eastus2'", " location  eq 'East US 2' ", "location eq ''", "name eq 'x'", "location eq 'a' or true"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		regions, err := filtered(filter)
		if err != nil && regions != nil {
			t.Errorf("%q gives both %v and %v", filter, regions, err)
		}
		if filter != "" && len(regions) > 1 {
			t.Errorf("%q gives %d regions", filter, len(regions))
		}
		for _, name := range regions {
			if _, ok := region.Find(name); !ok {
				t.Errorf("%q gives %q, which is no region", filter, name)
			}
		}
	})
}
