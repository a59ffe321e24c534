package registry

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(2048, 3)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func digestOf(t *testing.T, described interface{ Digest() (v1.Hash, error) }) v1.Hash {
	t.Helper()
	d, err := described.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (f *fixture) pushImage(reference string) v1.Image {
	f.t.Helper()
	image := randomImage(f.t)
	if err := remote.Write(ref(f.t, reference), image, f.as(contoso, acrPush)...); err != nil {
		f.t.Fatal(err)
	}
	return image
}

func TestWhatIsPushedIsPulledUnchanged(t *testing.T) {
	f := newFixture(t)
	image := f.pushImage(contoso + "/team/app:1")
	got, err := remote.Image(ref(t, contoso+"/team/app:1"), f.as(contoso, acrPull)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	if a, b := digestOf(t, image), digestOf(t, got); a != b {
		t.Errorf("pushed %s, pulled %s", a, b)
	}
}

func TestAnIndexIsPulledWithAllItsImages(t *testing.T) {
	f := newFixture(t)
	index, err := random.Index(512, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref(t, contoso+"/many:1"), index, f.as(contoso, acrPush)...); err != nil {
		t.Fatal(err)
	}
	got, err := remote.Index(ref(t, contoso+"/many:1"), f.as(contoso, acrPull)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(got); err != nil {
		t.Error(err)
	}
}

func TestAClientWithAnIdentityTokenPulls(t *testing.T) {
	f := newFixture(t)
	f.pushImage(contoso + "/app:1")
	identity := authn.FromConfig(authn.AuthConfig{IdentityToken: f.refresh(contoso, acrPull)})
	_, err := remote.Get(ref(t, contoso+"/app:1"), remote.WithTransport(f.transport()), remote.WithAuth(identity))
	if err != nil {
		t.Error(err)
	}
}

func TestEverythingSurvivesARestart(t *testing.T) {
	f := newFixture(t)
	image := f.pushImage(contoso + "/app:1")
	token := f.refresh(contoso, acrPull)
	f.restart()
	auth := authn.FromConfig(authn.AuthConfig{Username: NullUser, Password: token})
	got, err := remote.Image(ref(t, contoso+"/app:1"), remote.WithTransport(f.transport()), remote.WithAuth(auth))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	if a, b := digestOf(t, image), digestOf(t, got); a != b {
		t.Errorf("pushed %s, pulled %s", a, b)
	}
}

func TestTagsThatDifferByCaseAreTwoTags(t *testing.T) {
	f := newFixture(t)
	lower, upper := f.pushImage(contoso+"/app:rc1"), f.pushImage(contoso+"/app:RC1")
	for tag, want := range map[string]v1.Image{"rc1": lower, "RC1": upper} {
		got, err := remote.Head(ref(t, contoso+"/app:"+tag), f.as(contoso, acrPull)...)
		if err != nil || got.Digest != digestOf(t, want) {
			t.Errorf("tag %s: got %v, %v", tag, got, err)
		}
	}
}

func TestListing(t *testing.T) {
	f := newFixture(t)
	for _, tag := range []string{"a:1", "a:2", "a:3", "a/b:9", "c:1"} {
		f.pushImage(contoso + "/" + tag)
	}
	_, token := f.access(contoso, f.refresh(contoso, acrPull), "registry:catalog:*", "repository:a:pull", "repository:none:pull")
	for name, tt := range map[string]struct {
		path   string
		status int
		want   string
		link   string
	}{
		"the catalogue names every repository":  {"/v2/_catalog", 200, `{"repositories":["a","a/b","c"]}`, ""},
		"a page ends with a link to the next":   {"/v2/_catalog?n=2", 200, `{"repositories":["a","a/b"]}`, `</v2/_catalog?last=a%2Fb&n=2>; rel="next"`},
		"the last page has no link":             {"/v2/_catalog?n=2&last=a%2Fb", 200, `{"repositories":["c"]}`, ""},
		"tags are of one repository":            {"/v2/a/tags/list", 200, `{"name":"a","tags":["1","2","3"]}`, ""},
		"a page may begin at a tag that's gone": {"/v2/a/tags/list?last=10", 200, `{"name":"a","tags":["2","3"]}`, ""},
		"a repository that does not exist":      {"/v2/none/tags/list", 404, `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{"name":"none"}}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := f.do(http.MethodGet, "https://"+contoso+tt.path, token, nil, "")
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.TrimSpace(string(body))); diff != "" || resp.StatusCode != tt.status {
				t.Errorf("status %d (-want +got):\n%s", resp.StatusCode, diff)
			}
			if diff := cmp.Diff(tt.link, resp.Header.Get("Link")); diff != "" {
				t.Errorf("link (-want +got):\n%s", diff)
			}
		})
	}
}

func TestABlobIsReadInRanges(t *testing.T) {
	f := newFixture(t)
	image := f.pushImage(contoso + "/app:1")
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	_, token := f.access(contoso, f.refresh(contoso, acrPull), "repository:app:pull")
	resp := f.do(http.MethodGet, "https://"+contoso+"/v2/app/blobs/"+digestOf(t, layers[0]).String(), token,
		http.Header{"Range": {"bytes=10-19"}}, "")
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusPartialContent {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	if diff := cmp.Diff(whole[10:20], got); diff != "" {
		t.Errorf("bytes 10 to 19 (-want +got):\n%s", diff)
	}
}

func TestABlobIsSeenOnlyInRepositoriesThatHaveIt(t *testing.T) {
	f := newFixture(t)
	image := f.pushImage(contoso + "/secret:1")
	f.pushImage(contoso + "/open:1")
	config, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	_, token := f.access(contoso, f.refresh(contoso, acrPull), "repository:open:pull")
	resp := f.do(http.MethodGet, "https://"+contoso+"/v2/open/blobs/"+config.String(), token, nil, "")
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("another repository's blob: status %d, want 404", resp.StatusCode)
	}
}

func TestDeleting(t *testing.T) {
	f := newFixture(t)
	image := f.pushImage(contoso + "/app:1")
	if err := remote.Tag(ref(t, contoso+"/app:2").Context().Tag("2"), image, f.as(contoso, acrPush)...); err != nil {
		t.Fatal(err)
	}
	target := contoso + "/app@" + digestOf(t, image).String()
	if err := remote.Delete(ref(t, target), f.as(contoso, acrPush)...); err == nil {
		t.Error("AcrPush may delete")
	}
	if err := remote.Delete(ref(t, target), f.as(contoso, acrDelete)...); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{target, contoso + "/app:1", contoso + "/app:2"} {
		_, err := remote.Get(ref(t, gone), f.as(contoso, acrPull)...)
		var refusal *transport.Error
		if !errors.As(err, &refusal) || refusal.StatusCode != http.StatusNotFound {
			t.Errorf("%s after its deletion: %v", gone, err)
		}
	}
}

func TestARemovedRegistryLeavesNothingAndTakesNothingFromOthers(t *testing.T) {
	f := newFixture(t)
	const fabrikam = "fabrikam.azurecr.io"
	f.roles.assign(acrPush, acrPush, registryID(fabrikam))
	shared := f.pushImage(contoso + "/app:1")
	if err := remote.Write(ref(t, fabrikam+"/app:1"), shared, f.as(fabrikam, acrPush)...); err != nil {
		t.Fatal(err)
	}
	own := f.pushImage(contoso + "/app:2")
	if err := f.Remove(t.Context(), contoso); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Get(ref(t, contoso+"/app:1"), f.as(contoso, acrPull)...); err == nil {
		t.Error("the removed registry still has app:1")
	}
	kept, err := remote.Image(ref(t, fabrikam+"/app:1"), f.as(fabrikam, acrPush)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(kept); err != nil {
		t.Errorf("the other registry: %v", err)
	}
	config, err := own.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	if content, err := f.blobs.open(config); err == nil {
		_ = content.Close()
		t.Errorf("the content of a removed image is still on disk")
	}
}

func TestAManifestWithoutItsBlobsIsRefused(t *testing.T) {
	f := newFixture(t)
	manifest, err := randomImage(t).RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	_, token := f.access(contoso, f.refresh(contoso, acrPush), "repository:app:pull,push")
	header := http.Header{"Content-Type": {"application/vnd.docker.distribution.manifest.v2+json"}}
	resp := f.do(http.MethodPut, "https://"+contoso+"/v2/app/manifests/1", token, header, string(manifest))
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "MANIFEST_BLOB_UNKNOWN") {
		t.Errorf("status %d: %s", resp.StatusCode, body)
	}
}
