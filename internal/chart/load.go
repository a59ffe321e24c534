package chart

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

// load reads the chart, without its folder crds, and returns with it the digest
// of everything that decides what it renders to: its files and the values.
func load(files fs.FS, values map[string]any) (*chartv2.Chart, string, error) {
	var buffered []*archive.BufferedFile
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, "crds/") {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", path, len(data))
		sum.Write(data)
		buffered = append(buffered, &archive.BufferedFile{Name: path, ModTime: time.Unix(0, 0), Data: data})
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("reading the chart: %w", err)
	}
	v, err := json.Marshal(values)
	if err != nil {
		return nil, "", fmt.Errorf("encoding the chart's values: %w", err)
	}
	sum.Write(v)
	c, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, "", fmt.Errorf("reading the chart: %w", err)
	}
	return c, hex.EncodeToString(sum.Sum(nil)[:16]), nil
}
