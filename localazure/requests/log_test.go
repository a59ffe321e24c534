package requests_test

import (
	"fmt"
	"testing"

	"github.com/kars-dev/kars/localazure/requests"
	"github.com/kars-dev/kars/localazure/store"
)

func TestTheLogSurvivesAReopenAndKeepsTheLastTenThousand(t *testing.T) {
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for run := range 2 {
		log, err := requests.OpenLog(st)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6000 {
			log.Add(requests.Record{Path: fmt.Sprintf("/%d/%d", run, i), Plane: requests.ARM})
		}
		log.Add(requests.Record{Path: "/model", Plane: requests.Model})
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	log, err := requests.OpenLog(st)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	all, err := log.Read("")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 10_000 {
		t.Fatalf("kept %d records, want 10000", len(all))
	}
	if got := all[len(all)-1].Path; got != "/model" {
		t.Errorf("last record is %s, want /model", got)
	}
	models, err := log.Read(requests.Model)
	if err != nil {
		t.Fatal(err)
	}
	if len(models) != 2 {
		t.Errorf("%d records of the model plane, want 2", len(models))
	}
}
