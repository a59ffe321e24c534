package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"github.com/kars-dev/kars/internal/chart"
	"github.com/kars-dev/kars/internal/provision"
)

// chartFlags are a person's values for the chart.
type chartFlags struct {
	file     string
	settings []string

	gateway bool           // a2aGateway.enabled
	values  map[string]any // all others
}

func (c *chartFlags) register(f *pflag.FlagSet) {
	f.StringVar(&c.file, "values", "", "file with values for the chart, YAML")
	f.StringArrayVar(&c.settings, "set", nil, "a value for the chart, as broker.replicas=2; may be repeated")
}

// read reads the values and checks them against the chart's schema.
func (c *chartFlags) read() error {
	var file []byte
	if c.file != "" {
		var err error
		if file, err = readBounded(c.file, 1<<20); err != nil {
			return usagef("for example: --values values.yaml", "--values: %v", err)
		}
	}
	values, err := chart.ParseValues(file, c.settings)
	if err != nil {
		return usagef("for example: --set broker.replicas=2", "%v", err)
	}
	// The chart has no gateway yet, plan and preflight know of it already.
	if gateway, ok := values["a2aGateway"].(map[string]any); ok {
		enabled, known := gateway["enabled"].(bool)
		if !known || len(gateway) > 1 {
			return usagef("for example: --set a2aGateway.enabled=true", "a2aGateway has one value, enabled, which is true or false")
		}
		c.gateway = enabled
		delete(values, "a2aGateway")
	}
	if err := provision.CheckValues(values); err != nil {
		return usagef("the chart's values and what they mean: charts/kars/values.yaml", "the chart does not take these values: %v", err)
	}
	c.values = values
	return nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return raw, err
}
