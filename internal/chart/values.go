package chart

import (
	"fmt"
	"io/fs"

	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
)

// maxValues bounds a values file, in bytes.
const maxValues = 1 << 20

// ParseValues reads a values file (YAML; may be empty) and settings as
// `key.of.a.value=what`, which go over it, by Helm's rules:
// helm.sh/docs/intro/using_helm#the-format-and-limitations-of---set
func ParseValues(file []byte, settings []string) (map[string]any, error) {
	if len(file) > maxValues {
		return nil, fmt.Errorf("the values are %d bytes, more than %d", len(file), maxValues)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(file, &values); err != nil {
		return nil, fmt.Errorf("reading values: %w", err)
	}
	if values == nil {
		values = map[string]any{}
	}
	for _, s := range settings {
		if err := strvals.ParseInto(s, values); err != nil {
			return nil, fmt.Errorf("reading %q: %w", s, err)
		}
	}
	return values, nil
}

// Over lays values over others; neither is changed.
func Over(base, over map[string]any) map[string]any {
	return util.CoalesceTables(clone(over), clone(base))
}

func clone(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		if inner, ok := v.(map[string]any); ok {
			v = clone(inner)
		}
		out[k] = v
	}
	return out
}

// CheckValues holds values, laid over the chart's own, against the chart's
// schema, before anything is installed.
func CheckValues(files fs.FS, values map[string]any) error {
	c, _, err := load(files, nil)
	if err != nil {
		return err
	}
	all, err := util.CoalesceValues(c, clone(values))
	if err != nil {
		return fmt.Errorf("reading the chart's values: %w", err)
	}
	return util.ValidateAgainstSchema(c, all)
}
