package registry

import (
	"io"
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func hashOf(t *testing.T, text string) v1.Hash {
	t.Helper()
	h, _, err := v1.SHA256(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// pushing is a client that may push to repository app.
type pushing struct {
	*fixture
	token string
}

func newPushing(t *testing.T) pushing {
	t.Helper()
	f := newFixture(t)
	_, token := f.access(contoso, f.refresh(contoso, acrPush), "repository:app:pull,push", "repository:other:pull,push")
	return pushing{f, token}
}

// send returns the answer to a request for a path of the registry.
func (p pushing) send(method, path string, header http.Header, body string) *http.Response {
	p.t.Helper()
	return p.do(method, "https://"+contoso+path, p.token, header, body)
}

// begin starts an upload and returns its path.
func (p pushing) begin() string {
	p.t.Helper()
	resp := p.send(http.MethodPost, "/v2/app/blobs/uploads/", nil, "")
	if resp.StatusCode != http.StatusAccepted {
		p.t.Fatalf("starting an upload: status %d", resp.StatusCode)
	}
	return resp.Header.Get("Location")
}

func TestAnUploadInChunksGoesOnAfterARestart(t *testing.T) {
	p := newPushing(t)
	upload := p.begin()
	if resp := p.send(http.MethodPatch, upload, http.Header{"Content-Range": {"0-4"}}, "hello"); resp.StatusCode != http.StatusAccepted {
		t.Fatalf("first chunk: status %d", resp.StatusCode)
	}
	p.restart()
	if got := p.send(http.MethodGet, upload, nil, "").Header.Get("Range"); got != "0-4" {
		t.Errorf("after a restart the upload has %q, want 0-4", got)
	}
	digest := hashOf(t, "hello, world").String()
	resp := p.send(http.MethodPut, upload+"?digest="+digest, http.Header{"Content-Range": {"5-11"}}, ", world")
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("Docker-Content-Digest") != digest {
		t.Fatalf("closing: status %d, digest %s", resp.StatusCode, resp.Header.Get("Docker-Content-Digest"))
	}
	got, err := io.ReadAll(p.send(http.MethodGet, "/v2/app/blobs/"+digest, nil, "").Body)
	if err != nil || string(got) != "hello, world" {
		t.Errorf("the blob is %q, %v", got, err)
	}
	if resp := p.send(http.MethodGet, upload, nil, ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("the upload after it was closed: status %d, want 404", resp.StatusCode)
	}
}

func TestUploadRefusals(t *testing.T) {
	const none = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	for name, tt := range map[string]struct {
		method, suffix string
		header         http.Header
		want           int
		code           string
	}{
		"a chunk that leaves a gap":         {"PATCH", "", http.Header{"Content-Range": {"10-14"}}, 416, "BLOB_UPLOAD_INVALID"},
		"a digest of other content":         {"PUT", "?digest=" + none, nil, 400, "DIGEST_INVALID"},
		"no digest":                         {"PUT", "", nil, 400, "DIGEST_INVALID"},
		"a digest that is none":             {"PUT", "?digest=md5:00", nil, 400, "DIGEST_INVALID"},
		"an upload that does not exist":     {"PATCH", "x", nil, 404, "BLOB_UPLOAD_UNKNOWN"},
		"a method that means nothing there": {"POST", "", nil, 405, "UNSUPPORTED"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPushing(t)
			resp := p.send(tt.method, p.begin()+tt.suffix, tt.header, "hello")
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.want || !strings.Contains(string(body), tt.code) {
				t.Errorf("status %d, want %d %s: %s, %v", resp.StatusCode, tt.want, tt.code, body, err)
			}
			if resp := p.send(http.MethodHead, "/v2/app/blobs/"+hashOf(t, "hello").String(), nil, ""); resp.StatusCode != http.StatusNotFound {
				t.Errorf("the blob after a refusal: status %d, want 404", resp.StatusCode)
			}
		})
	}
}

func TestAnUploadIsOfOneRepository(t *testing.T) {
	p := newPushing(t)
	elsewhere := strings.Replace(p.begin(), "/v2/app/", "/v2/other/", 1)
	if resp := p.send(http.MethodPatch, elsewhere, nil, "hello"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, want 404", resp.StatusCode)
	}
}

func TestAWholeBlobInOneRequestAndItsMount(t *testing.T) {
	p := newPushing(t)
	digest := hashOf(t, "hello").String()
	if resp := p.send(http.MethodPost, "/v2/app/blobs/uploads/?digest="+digest, nil, "hello"); resp.StatusCode != http.StatusCreated {
		t.Fatalf("one request: status %d", resp.StatusCode)
	}
	mount := "/blobs/uploads/?mount=" + digest + "&from="
	if resp := p.send(http.MethodPost, "/v2/other"+mount+"app", nil, ""); resp.StatusCode != http.StatusCreated {
		t.Errorf("mounting: status %d, want 201", resp.StatusCode)
	}
	// Whoever may not pull from the source begins an ordinary upload.
	if resp := p.send(http.MethodPost, "/v2/app"+mount+"hidden", nil, ""); resp.StatusCode != http.StatusAccepted {
		t.Errorf("mounting from elsewhere: status %d, want 202", resp.StatusCode)
	}
}

func TestACancelledUploadIsGone(t *testing.T) {
	p := newPushing(t)
	upload := p.begin()
	if resp := p.send(http.MethodDelete, upload, nil, ""); resp.StatusCode != http.StatusNoContent {
		t.Fatalf("cancelling: status %d", resp.StatusCode)
	}
	if resp := p.send(http.MethodGet, upload, nil, ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("after it: status %d, want 404", resp.StatusCode)
	}
}

func TestAnUploadThatWasGivenUpIsRemovedAtAStart(t *testing.T) {
	p := newPushing(t)
	upload := p.begin()
	p.clock = p.clock.Add(uploadLifetime + accessLifetime)
	p.restart()
	_, p.token = p.access(contoso, p.refresh(contoso, acrPush), "repository:app:pull,push")
	if resp := p.send(http.MethodGet, upload, nil, ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, want 404", resp.StatusCode)
	}
}

func TestReferrersAreFoundByTheirSubject(t *testing.T) {
	p := newPushing(t)
	const media = "application/vnd.oci.image.manifest.v1+json"
	config := hashOf(t, "{}").String()
	p.send(http.MethodPost, "/v2/app/blobs/uploads/?digest="+config, nil, "{}")
	manifest := func(extra string) string {
		return `{"schemaVersion":2,"mediaType":"` + media + `","config":{"mediaType":"application/x","digest":"` + config + `","size":2},"layers":[]` + extra + `}`
	}
	image := manifest("")
	subject := hashOf(t, image).String()
	signature := manifest(`,"artifactType":"application/x-signature","subject":{"mediaType":"` + media + `","digest":"` + subject + `","size":1}`)
	header := http.Header{"Content-Type": {media}}
	p.send(http.MethodPut, "/v2/app/manifests/1", header, image)
	resp := p.send(http.MethodPut, "/v2/app/manifests/"+hashOf(t, signature).String(), header, signature)
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("Oci-Subject") != subject {
		t.Fatalf("status %d, subject %q", resp.StatusCode, resp.Header.Get("Oci-Subject"))
	}
	for query, want := range map[string]bool{"": true, "?artifactType=application/x-signature": true, "?artifactType=application/y": false} {
		body, err := io.ReadAll(p.send(http.MethodGet, "/v2/app/referrers/"+subject+query, nil, "").Body)
		if err != nil || strings.Contains(string(body), hashOf(t, signature).String()) != want {
			t.Errorf("referrers%s: %s, %v; want the signature: %v", query, body, err, want)
		}
	}
}

func FuzzRangeStart(f *testing.F) {
	for _, seed := range []string{"0-4", "bytes 5-11/*", "-1-2", "a-b", "", "99999999999999999999-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if n, ok := rangeStart(header); ok && n < 0 {
			t.Errorf("rangeStart(%q) = %d", header, n)
		}
	})
}
