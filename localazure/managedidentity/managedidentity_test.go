package managedidentity

import (
	"testing"

	"github.com/kars-dev/kars/localazure/arm"
	"github.com/kars-dev/kars/localazure/armid"
)

func TestFederatedCredentialsOfOneIdentityAreWrittenOneAtATime(t *testing.T) {
	p := &Provider{writing: map[string]bool{}}
	credential := func(identity, name string) armid.ID {
		id, err := armid.Parse("/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" +
			identity + "/federatedIdentityCredentials/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	release, err := p.exclusive(credential("first", "a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.exclusive(credential("FIRST", "b")); arm.AsError(err).Code != concurrent || arm.AsError(err).Status != 409 {
		t.Errorf("a second write at once: %v, want 409 %s", err, concurrent)
	}
	other, err := p.exclusive(credential("second", "a"))
	if err != nil {
		t.Errorf("a write below another identity: %v", err)
	}
	other()
	release()
	if release, err = p.exclusive(credential("first", "b")); err != nil {
		t.Errorf("a write after the first: %v", err)
	}
	release()
}
