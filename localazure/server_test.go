package localazure_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"

	"github.com/kars-dev/kars/localazure"
	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/store"
)

func TestTheSDKCreatesListsAndDeletesGroups(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	client, err := armresources.NewResourceGroupsClient(w.server.SubscriptionID(), w, w.sdk())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kars-eastus2", "other"} {
		_, err := client.CreateOrUpdate(ctx, name, armresources.ResourceGroup{Location: to.Ptr("East US 2"), Tags: map[string]*string{"a": to.Ptr("b")}}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	exists, err := client.CheckExistence(ctx, "KARS-eastus2", nil)
	if err != nil || !exists.Success {
		t.Errorf("the group is not there by another case of its name: %v", err)
	}
	var names []string
	pager := client.NewListPager(&armresources.ResourceGroupsClientListOptions{Top: to.Ptr(int32(1))})
	pages := 0
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, g := range page.Value {
			names = append(names, *g.Name+" in "+*g.Location)
		}
	}
	if got := strings.Join(names, ", "); got != "kars-eastus2 in eastus2, other in eastus2" || pages != 2 {
		t.Errorf("listed %q on %d pages", got, pages)
	}
	poller, err := client.BeginDelete(ctx, "other", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	_, err = client.Get(ctx, "other", nil)
	var response *azcore.ResponseError
	if !errors.As(err, &response) || response.ErrorCode != "ResourceGroupNotFound" {
		t.Errorf("reading the deleted group: %v, want ResourceGroupNotFound", err)
	}
}

func TestWhatWasFoundedSurvivesAReopen(t *testing.T) {
	first := newWorld(t)
	first.must("PUT", first.subscription()+"/resourceGroups/g", map[string]any{"location": "eastus2"})
	if _, err := localazure.Open(localazure.Options{Dir: first.dir}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("opening it a second time: %v, want ErrLocked", err)
	}
	owner, subscription := first.owner, first.server.SubscriptionID()
	first.stop()
	second := openWorld(t, localazure.Options{Dir: first.dir})
	if second.owner.Password != "" {
		t.Error("the owner was made again")
	}
	if got := second.server.SubscriptionID(); got != subscription {
		t.Errorf("subscription %s, want %s", got, subscription)
	}
	if status, tree := second.do(owner, "GET", second.subscription()+"/resourceGroups/g", nil); status != http.StatusOK {
		t.Errorf("reading the group with the first owner's credential: %d %v", status, tree)
	}
}

func TestRequestsAreRecordedWithTheCallerAndWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	w.must("PUT", w.subscription()+"/resourceGroups/g", map[string]any{"location": "eastus2"})
	w.must("GET", w.subscription()+"/resourceGroups/g?api-version=2021-04-01&sig=secret", nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	records := w.admin(ctx, "GET", "/requests?plane=arm", "")
	if strings.Contains(records, "secret") || strings.Contains(records, "eyJ") {
		t.Errorf("the records hold a secret: %s", records)
	}
	var writes, reads int
	for _, r := range decode[[]requests.Record](t, records) {
		if r.Caller.ObjectID != w.owner.ObjectID || r.Caller.IdentityType != "user" {
			t.Errorf("%s %s by %+v, want the owner", r.Method, r.Path, r.Caller)
		}
		if r.Write {
			writes++
		} else {
			reads++
		}
	}
	if writes != 1 || reads != 1 {
		t.Errorf("%d writes and %d reads, want one of each", writes, reads)
	}
	for _, r := range decode[[]requests.Record](t, w.admin(ctx, "GET", "/requests?plane=entra", "")) {
		if r.Write {
			t.Errorf("asking for a token is recorded as a write: %+v", r)
		}
	}
}

func TestAHostThatTheLocalAzureDoesNotServeIsMisdirected(t *testing.T) {
	w := newWorld(t)
	resp, err := w.client.Get("https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("status %d, want 421", resp.StatusCode)
	}
}
