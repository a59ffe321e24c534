package registry

import (
	"errors"
	"net/http"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func (f *fixture) publish(reference string) v1.Image {
	f.t.Helper()
	image := randomImage(f.t)
	if err := f.layout.Put(f.t.Context(), reference, image); err != nil {
		f.t.Fatal(err)
	}
	return image
}

func TestImportedImageIsPulledByDigest(t *testing.T) {
	f := newFixture(t)
	image := f.publish("ghcr.io/kars-dev/kars-router:0.1.0")
	err := f.Import(t.Context(), contoso, ImportRequest{
		SourceRegistry: "ghcr.io", SourceImage: "kars-dev/kars-router:0.1.0", TargetTags: []string{"kars-router:0.1.0", "mirror/router:latest"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"/kars-router:0.1.0", "/mirror/router:latest", "/kars-router@" + digestOf(t, image).String()} {
		got, err := remote.Image(ref(t, contoso+at), f.as(contoso, acrPull)...)
		if err != nil {
			t.Errorf("%s: %v", at, err)
			continue
		}
		if err := validate.Image(got); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestImportByDigest(t *testing.T) {
	f := newFixture(t)
	image := f.publish("mcr.microsoft.com/oss/thing:v1")
	err := f.Import(t.Context(), contoso, ImportRequest{
		SourceRegistry: "mcr.microsoft.com", SourceImage: "oss/thing@" + digestOf(t, image).String(), TargetTags: []string{"thing"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Head(ref(t, contoso+"/thing:latest"), f.as(contoso, acrPull)...)
	if err != nil || got.Digest != digestOf(t, image) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestImportRefusals(t *testing.T) {
	f := newFixture(t)
	f.publish("ghcr.io/a/b:1")
	f.publish("ghcr.io/a/b:2")
	request := func(change func(*ImportRequest)) ImportRequest {
		r := ImportRequest{SourceRegistry: "ghcr.io", SourceImage: "a/b:1", TargetTags: []string{"b:1"}}
		change(&r)
		return r
	}
	if err := f.Import(t.Context(), contoso, request(func(*ImportRequest) {})); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		request ImportRequest
		want    *ImportError
	}{
		"an existing tag is a conflict": {
			request(func(*ImportRequest) {}),
			&ImportError{http.StatusConflict, "Conflict", "Tag b:1 already exists in target registry."},
		},
		"an existing tag is moved by force": {
			request(func(r *ImportRequest) { r.SourceImage = "a/b:2"; r.Mode = Force }), nil,
		},
		"one existing tag keeps the others from being made": {
			request(func(r *ImportRequest) { r.TargetTags = []string{"fresh:1", "b:1"} }),
			&ImportError{http.StatusConflict, "Conflict", "Tag b:1 already exists in target registry."},
		},
		"a tag that the source does not have": {
			request(func(r *ImportRequest) { r.SourceImage = "a/b:9"; r.TargetTags = []string{"b:9"} }),
			&ImportError{
				http.StatusBadRequest, "InvalidParameters",
				`Invalid message Not Found Not Found {"errors":[{"code":"MANIFEST_UNKNOWN","detail":{"Tag":"9"},"message":"manifest tagged by \"9\" is not found"}]}`,
			},
		},
		"a registry that is not served": {
			request(func(r *ImportRequest) { r.SourceRegistry = "quay.io"; r.TargetTags = []string{"x:1"} }),
			&ImportError{http.StatusBadRequest, "InvalidParameters", `the source registry "quay.io" cannot be reached`},
		},
		"a name that is no image's": {
			request(func(r *ImportRequest) { r.SourceImage = "../etc/passwd" }),
			&ImportError{http.StatusBadRequest, "InvalidParameters", `"../etc/passwd" is not of the form repository:tag`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := f.Import(t.Context(), contoso, tt.request)
			var got *ImportError
			if err != nil && !errors.As(err, &got) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := remote.Head(ref(t, contoso+"/fresh:1"), f.as(contoso, acrPull)...); err == nil {
		t.Error("an import that was refused made a tag")
	}
}

func TestAnImportCopiesNoBytesOnOneFileSystem(t *testing.T) {
	f := newFixture(t)
	image := f.publish("ghcr.io/a/b:1")
	if err := f.Import(t.Context(), contoso, ImportRequest{SourceRegistry: "ghcr.io", SourceImage: "a/b:1"}); err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.Stat(f.layout.BlobPath(config))
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.Stat(f.blobs.path(config))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(source, copied) {
		t.Error("the blob was copied")
	}
}

func TestThePublicRegistriesServeTheLayoutToEverybodyAndTakeNothing(t *testing.T) {
	f := newFixture(t)
	image := f.publish("mcr.microsoft.com/oss/kubernetes/pause:3.10.1")
	anyone := remote.WithTransport(f.transport())
	got, err := remote.Image(ref(t, "mcr.microsoft.com/oss/kubernetes/pause:3.10.1"), anyone)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil || digestOf(t, got) != digestOf(t, image) {
		t.Errorf("pulled %s, %v", digestOf(t, got), err)
	}
	if _, err := remote.Get(ref(t, "ghcr.io/oss/kubernetes/pause:3.10.1"), anyone); err == nil {
		t.Error("ghcr.io serves mcr.microsoft.com's image")
	}
	if err := remote.Write(ref(t, "ghcr.io/new:1"), image, anyone); err == nil {
		t.Error("ghcr.io took a push")
	}
}
