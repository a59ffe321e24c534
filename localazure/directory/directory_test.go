package directory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kars-dev/kars/localazure/directory"
	"github.com/kars-dev/kars/localazure/store"
)

const (
	tenant = "11111111-2222-4333-8444-555555555555"
	armID  = "/subscriptions/S/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/controller"
)

// open returns a directory and the clock that it reads.
func open(t *testing.T) (*directory.Directory, *time.Time) {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	d := directory.New(st, func() time.Time { return now }, tenant)
	if err := d.Found(); err != nil {
		t.Fatal(err)
	}
	return d, &now
}

func TestFoundingTwiceChangesNothing(t *testing.T) {
	d, _ := open(t)
	count := func() (n int) {
		t.Helper()
		err := d.View(func(tx *directory.Tx) error {
			return tx.Objects(directory.ServicePrincipal, func(directory.Object) error { n++; return nil })
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	if err := d.Found(); err != nil {
		t.Fatal(err)
	}
	if after := count(); after != before || before == 0 {
		t.Errorf("%d service principals after founding twice, %d before", after, before)
	}
}

func TestManagedIdentityIsMadeOncePerARMID(t *testing.T) {
	d, _ := open(t)
	first, err := d.CreateManagedIdentity(armID, "controller")
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.CreateManagedIdentity(strings.ToUpper(armID), "controller")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("made again (-first +second):\n%s", diff)
	}
	if first.ID == first.AppID || first.ServicePrincipalType != "ManagedIdentity" || first.ARMID != armID {
		t.Errorf("made %+v", first)
	}
	if err := d.DeleteManagedIdentity(armID); err != nil {
		t.Fatal(err)
	}
	if _, found, err := d.Principal(first.ID); err != nil || found {
		t.Errorf("after its deletion: found %t, %v", found, err)
	}
	if err := d.DeleteManagedIdentity(armID); err != nil {
		t.Errorf("deleting it again: %v", err)
	}
	other, err := d.CreateManagedIdentity(armID, "controller")
	if err != nil || other.ID == first.ID {
		t.Errorf("made anew: %+v, %v; want another principal", other, err)
	}
}

func TestU31FederatedCredentialsAreUniqueAndAtMostTwenty(t *testing.T) {
	d, _ := open(t)
	p, err := d.CreateManagedIdentity(armID, "controller")
	if err != nil {
		t.Fatal(err)
	}
	credential := func(name, issuer, subject string) directory.FederatedCredential {
		return directory.FederatedCredential{Name: name, Issuer: issuer, Subject: subject, Audiences: []string{"api://AzureADTokenExchange"}}
	}
	put := func(c directory.FederatedCredential) error {
		_, err := d.PutFederatedCredential(p.ID, c)
		return err
	}
	for i := range directory.FederatedCredentialLimit {
		if err := put(credential(fmt.Sprintf("name-%02d", i), "https://issuer.example/", fmt.Sprint("subject", i))); err != nil {
			t.Fatal(err)
		}
	}
	none := credential("none", "https://issuer.example/", "s")
	none.Audiences = nil
	for name, c := range map[string]struct {
		credential directory.FederatedCredential
		want       error
	}{
		"a 21st":                                            {credential("name-20", "https://issuer.example/", "subject20"), directory.ErrLimit},
		"one that is there, written again":                  {credential("name-00", "https://issuer.example/", "subject0"), nil},
		"one that is there, with another subject":           {credential("name-00", "https://issuer.example/", "subject00"), nil},
		"issuer and subject of another":                     {credential("name-01", "https://issuer.example/", "subject2"), directory.ErrConflict},
		"the same subject in other case is another subject": {credential("name-03", "https://issuer.example/", "Subject4"), nil},
		"a name with a space":                               {credential("a name", "https://issuer.example/", "s"), directory.ErrInvalid},
		"no issuer":                                         {credential("none", "", "s"), directory.ErrInvalid},
		"no subject":                                        {credential("none", "https://issuer.example/", ""), directory.ErrInvalid},
		"no audience":                                       {none, directory.ErrInvalid},
	} {
		if err := put(c.credential); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	user, err := d.CreateUser(directory.NewUser{UPN: "u@" + directory.Domain})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.PutFederatedCredential(user.ID, credential("name", "https://issuer.example/", "s")); !errors.Is(err, directory.ErrInvalid) {
		t.Errorf("on a user: %v, want %v", err, directory.ErrInvalid)
	}
	if err := d.DeleteFederatedCredential(p.ID, "gone"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("deleting one that is not there: %v, want %v", err, directory.ErrNotFound)
	}
}

func TestSecretsAndPasswordsAreKeptAsHashesAlone(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	d := directory.New(st, time.Now, tenant)
	user, err := d.CreateUser(directory.NewUser{UPN: "u@" + directory.Domain, Password: "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	sp, secret, err := d.CreateServicePrincipalWithSecret("deployer")
	if err != nil {
		t.Fatal(err)
	}
	err = st.View(func(tx *store.Tx) error {
		for _, bucket := range []string{"directory.objects", "directory.secrets", "directory.passwords", "directory.apps", "directory.names"} {
			err := tx.Each(bucket, "", func(key string, raw json.RawMessage) error {
				for _, text := range []string{"correct horse battery", secret.Text} {
					if strings.Contains(string(raw), text) {
						t.Errorf("%s/%s holds a secret in clear", bucket, key)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		in := d.In(tx)
		if ok, err := in.CheckPassword(user.ID, "correct horse battery"); err != nil || !ok {
			t.Errorf("the right password: %t, %v", ok, err)
		}
		if ok, err := in.CheckPassword(user.ID, "Correct horse battery"); err != nil || ok {
			t.Errorf("a wrong password: %t, %v", ok, err)
		}
		app, _, err := in.ApplicationByAppID(sp.AppID)
		if err != nil {
			return err
		}
		if state, err := in.CheckSecret(app.ID, secret.Text); err != nil || state != directory.SecretRight {
			t.Errorf("the right secret: %v, %v", state, err)
		}
		if state, err := in.CheckSecret(app.ID, secret.KeyID); err != nil || state != directory.SecretWrong {
			t.Errorf("the secret's id: %v, %v", state, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDeletedObjectComesBackWithin30DaysAndIsGoneAfter(t *testing.T) {
	d, now := open(t)
	sp, _, err := d.CreateServicePrincipalWithSecret("deployer")
	if err != nil {
		t.Fatal(err)
	}
	do := func(fn func(*directory.Tx) error) error { return d.Update(fn) }
	if err := do(func(tx *directory.Tx) error { return tx.Delete(sp.ID) }); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := d.Principal(sp.ID); found {
		t.Error("a deleted principal was found")
	}
	*now = now.Add(29 * 24 * time.Hour)
	err = do(func(tx *directory.Tx) error {
		if err := tx.Expire(); err != nil {
			return err
		}
		_, err := tx.Restore(sp.ID)
		return err
	})
	if err != nil {
		t.Fatalf("restoring after 29 days: %v", err)
	}
	if _, found, _ := d.Principal(sp.ID); !found {
		t.Error("a restored principal was not found")
	}
	if err := do(func(tx *directory.Tx) error { return tx.Delete(sp.ID) }); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(31 * 24 * time.Hour)
	err = do(func(tx *directory.Tx) error {
		if err := tx.Expire(); err != nil {
			return err
		}
		_, err := tx.Restore(sp.ID)
		return err
	})
	if !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("restoring after 31 days: %v, want %v", err, directory.ErrNotFound)
	}
}

func TestAgentsCannotBeGivenWhatIsClosedToThem(t *testing.T) {
	d, _ := open(t)
	user, err := d.CreateUser(directory.NewUser{UPN: "u@" + directory.Domain})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Update(func(tx *directory.Tx) error {
		app, err := tx.CreateBlueprint(store.Tree{"displayName": "b"}, []string{user.ID}, nil)
		if err != nil {
			return err
		}
		_, err = tx.CreateAgentIdentity(app.Text("appId"), store.Tree{"displayName": "a"}, []string{user.ID}, nil)
		if e, ok := errors.AsType[*directory.Error](err); !ok || e.Code != "AgentIdentity_AgentBlueprintPrincipalDoesNotExist" {
			t.Errorf("an agent identity before its blueprint's principal: %v", err)
		}
		sp, err := tx.CreateServicePrincipal(app.Text("appId"))
		if err != nil {
			return err
		}
		agent, err := tx.CreateAgentIdentity(app.Text("appId"), store.Tree{"displayName": "a", "id": "chosen", "appId": "chosen"}, []string{user.ID}, nil)
		if err != nil {
			return err
		}
		if agent.ID == "chosen" || agent.ID != agent.Text("appId") {
			t.Errorf("the agent identity's id is %q and its appId %q", agent.ID, agent.Text("appId"))
		}
		for _, id := range []string{sp.ID, agent.ID} {
			if err := tx.GrantPermission(id, directory.GraphAppID, "Application.ReadWrite.All"); !errors.Is(err, directory.ErrInvalid) {
				t.Errorf("granting Application.ReadWrite.All: %v, want %v", err, directory.ErrInvalid)
			}
		}
		if err := tx.AssignDirectoryRole(agent.ID, directory.GlobalAdministrator); !errors.Is(err, directory.ErrInvalid) {
			t.Errorf("assigning Global Administrator: %v, want %v", err, directory.ErrInvalid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
