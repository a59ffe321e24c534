package provision

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kars-dev/kars/internal/plan"
	"github.com/kars-dev/kars/localazure"
)

// posted keeps the paths that were posted to, and how often each other path was
// read.
type posted struct {
	next http.RoundTripper
	mu   sync.Mutex
	to   []string
	read map[string]int
}

func (p *posted) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	if r.Method == http.MethodPost {
		p.to = append(p.to, r.URL.Path)
	} else {
		p.read[r.URL.Path]++
	}
	p.mu.Unlock()
	return p.next.RoundTrip(r)
}

func TestU20AFeatureIsWaitedForAndItsProviderRegisteredAnewAfterwardsU21(t *testing.T) {
	const subscription, feature = "/subscriptions/", "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost"
	w := newWorldWith(t, localazure.Options{FeatureDelay: 300 * time.Millisecond})
	path := subscription + w.SubscriptionID() + feature
	before := w.run(t, plan.Options{}, nil)
	if err := errors.Join(before.ARM.Ask(t.Context(), path+"/unregister", "2021-07-01", nil, nil), before.Journal.Close()); err != nil {
		t.Fatal(err)
	}
	var seen *posted
	r := w.run(t, plan.Options{}, func(next http.RoundTripper) http.RoundTripper {
		seen = &posted{next: next, read: map[string]int{}}
		return seen
	})
	r.Until = plan.StepRegistration
	result, err := w.apply(t, r)
	if err != nil {
		t.Fatal(err)
	}
	if got := steps(result.Steps); got != "group created, registration updated" {
		t.Errorf("got %s", got)
	}
	if n := seen.read[path]; n < 3 {
		t.Errorf("the feature was read %d times, want until it is registered", n)
	}
	want := []string{path + "/register", subscription + w.SubscriptionID() + "/providers/Microsoft.Compute/register"}
	got := slices.DeleteFunc(seen.to, func(p string) bool { return !strings.HasSuffix(p, "/register") })
	if !slices.Equal(got, want) {
		t.Errorf("posted to %v, want %v", got, want)
	}
}

// Whoever asks first is enough: the right to ask is not needed twice.
func TestU20AFeatureThatIsBeingRegisteredIsOnlyWaitedForU21(t *testing.T) {
	w := newWorldWith(t, localazure.Options{FeatureDelay: 300 * time.Millisecond})
	path := "/subscriptions/" + w.SubscriptionID() + "/providers/Microsoft.Features/providers/Microsoft.Compute/features/EncryptionAtHost"
	before := w.run(t, plan.Options{}, nil)
	for _, act := range []string{"/unregister", "/register"} {
		if err := before.ARM.Ask(t.Context(), path+act, "2021-07-01", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := before.Journal.Close(); err != nil {
		t.Fatal(err)
	}
	var seen *posted
	r := w.run(t, plan.Options{}, func(next http.RoundTripper) http.RoundTripper {
		seen = &posted{next: next, read: map[string]int{}}
		return seen
	})
	r.Until = plan.StepRegistration
	if _, err := w.apply(t, r); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(seen.to, path+"/register") {
		t.Error("it was asked for again")
	}
	if again := "/subscriptions/" + w.SubscriptionID() + "/providers/Microsoft.Compute/register"; !slices.Contains(seen.to, again) {
		t.Errorf("its provider did not learn of it: posted to %v", seen.to)
	}
}
