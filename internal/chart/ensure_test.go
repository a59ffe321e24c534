package chart

import (
	"context"
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"

	"helm.sh/helm/v4/pkg/release/common"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kars-dev/kars/internal/event"
	"github.com/kars-dev/kars/internal/kube"
)

// small is a chart whose object is ready as soon as it exists.
var small = fstest.MapFS{
	"Chart.yaml":  {Data: []byte("apiVersion: v2\nname: small\nversion: 0.1.0\n")},
	"values.yaml": {Data: []byte("answer: 42\n")},
	"templates/map.yaml": {Data: []byte(`apiVersion: v1
kind: ConfigMap
metadata:
  name: small
  namespace: {{ .Release.Namespace }}
data:
  answer: {{ .Values.answer | quote }}
`)},
	"crds/broken.yaml": {Data: []byte("never: applied\n")},
}

func ensure(t *testing.T, k *kube.Client, namespace string, values map[string]any, want event.Status) {
	t.Helper()
	got, err := Ensure(t.Context(), k.RESTConfig(), Options{Release: "small", Namespace: namespace, Chart: small, Values: values})
	if err != nil || got != want {
		t.Fatalf("Ensure: %s, %v; want %s", got, err, want)
	}
}

func answer(t *testing.T, k *kube.Client, namespace string) *corev1.ConfigMap {
	t.Helper()
	m := &corev1.ConfigMap{}
	if err := k.Client().Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "small"}, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAChartIsInstalledOnceAndUpgradedWhenItChanges(t *testing.T) {
	k := newKube(t, "")
	const namespace = "ensure-once"
	ensure(t, k, namespace, nil, event.Created)

	_, before := k.Counts()
	ensure(t, k, namespace, nil, event.Unchanged)
	if _, after := k.Counts(); after != before {
		t.Errorf("an unchanged chart took %d writes", after-before)
	}

	ensure(t, k, namespace, map[string]any{"answer": "43"}, event.Updated)
	if got := answer(t, k, namespace).Data["answer"]; got != "43" {
		t.Errorf("answer is %q after an upgrade, want 43", got)
	}

	m := answer(t, k, namespace)
	m.Data = map[string]string{"answer": "wrong"}
	if err := k.Client().Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	ensure(t, k, namespace, map[string]any{"answer": "43"}, event.Updated)
	if got := answer(t, k, namespace).Data; !maps.Equal(got, map[string]string{"answer": "43"}) {
		t.Errorf("data is %v after drift was repaired", got)
	}
}

func TestARunThatDiedOnTheWayIsFinishedByTheNext(t *testing.T) {
	k := newKube(t, "")
	for name, tc := range map[string]struct {
		status common.Status
		want   event.Status
	}{
		"while installing": {common.StatusPendingInstall, event.Created},
		"while upgrading":  {common.StatusPendingUpgrade, event.Updated},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := "ensure-" + string(tc.status)
			ensure(t, k, namespace, nil, event.Created)
			leave(t, k, namespace, tc.status)
			ensure(t, k, namespace, map[string]any{"answer": "44"}, tc.want)
			ensure(t, k, namespace, map[string]any{"answer": "44"}, event.Unchanged)
			if got := answer(t, k, namespace).Data["answer"]; got != "44" {
				t.Errorf("answer is %q, want 44", got)
			}
		})
	}
}

// leave leaves the record that a killed run leaves.
func leave(t *testing.T, k *kube.Client, namespace string, status common.Status) {
	t.Helper()
	o := Options{Release: "small", Namespace: namespace, Chart: small}
	o.defaults()
	h, err := open(k.RESTConfig(), o)
	if err != nil {
		t.Fatal(err)
	}
	last, err := h.last()
	if err != nil {
		t.Fatal(err)
	}
	last.Info.Status = status
	if status == common.StatusPendingInstall {
		err = h.helm.Releases.Update(last)
	} else {
		last.Version++
		err = h.helm.Releases.Create(last)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestUninstallRemovesAndThenFindsNothing(t *testing.T) {
	k := newKube(t, "")
	o := Options{Release: "small", Namespace: "ensure-gone", Chart: small}
	ensure(t, k, o.Namespace, nil, event.Created)
	for _, want := range []event.Status{event.Deleted, event.Unchanged} {
		if got, err := Uninstall(t.Context(), k.RESTConfig(), o); err != nil || got != want {
			t.Errorf("Uninstall: %s, %v; want %s", got, err, want)
		}
	}
}

func TestAnInterruptedInstallSaysSo(t *testing.T) {
	k := newKube(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := Options{Release: "small", Namespace: "ensure-interrupted", Chart: fs.FS(small)}
	if _, err := Ensure(ctx, k.RESTConfig(), o); err == nil {
		t.Error("an interrupted run ends without an error")
	}
}

func TestTheDigestDependsOnFilesAndValuesAlone(t *testing.T) {
	digestOf := func(files fs.FS, values map[string]any) string {
		t.Helper()
		_, d, err := load(files, values)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	changed := maps.Clone(small)
	changed["values.yaml"] = &fstest.MapFile{Data: []byte("answer: 43\n")}
	same := digestOf(small, map[string]any{"a": 1, "b": 2})
	if got := digestOf(small, map[string]any{"b": 2, "a": 1}); got != same {
		t.Error("the order of values changes the digest")
	}
	if digestOf(small, map[string]any{"a": 2, "b": 2}) == same {
		t.Error("another value does not change the digest")
	}
	if digestOf(changed, map[string]any{"a": 1, "b": 2}) == same {
		t.Error("another file does not change the digest")
	}
}
