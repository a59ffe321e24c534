package broker

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kars-dev/kars/api/v1alpha1"
)

var begun = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// trusted checks a leaf of now against a bundle.
func trusted(t *testing.T, a *authority, bundle []byte, now time.Time) error {
	t.Helper()
	leaf, err := a.leaf(now, rand.Reader, ServiceNames())
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		t.Fatal("the bundle holds no certificate")
	}
	_, err = leaf.Leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, DNSName: "kars-broker.kars-system.svc"})
	return err
}

// TestRotationNeverOutrunsTrust walks through three years, an hour at a time,
// with pods that read the bundle up to twenty hours late.
func TestRotationNeverOutrunsTrust(t *testing.T) {
	const late = 20 * time.Hour
	var a *authority
	type published struct {
		at     time.Time
		bundle []byte
	}
	var history []published
	rotations := 0
	for now := begun; now.Before(begun.Add(3 * authorityLife)); now = now.Add(time.Hour) {
		next, changed, err := a.advance(now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if changed {
			if a != nil && !next.signer.cert.Equal(a.signer.cert) {
				rotations++
			}
			history = append(history, published{now, next.bundle()})
			a = next
		}
		// What a late pod has is the last bundle published that long ago.
		known := history[0].bundle
		for _, h := range history {
			if !h.at.After(now.Add(-late)) {
				known = h.bundle
			}
		}
		if changed || now.Hour() == 0 {
			if err := trusted(t, a, known, now); err != nil {
				t.Fatalf("%s: a pod with an old bundle does not trust the broker: %v", now, err)
			}
		}
	}
	if rotations < 3 {
		t.Errorf("%d rotations in three years, want at least three", rotations)
	}
}

func TestAnAuthorityThatCannotBeReadIsNotReplaced(t *testing.T) {
	good, _, err := (*authority)(nil).advance(begun, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := (*authority)(nil).advance(begun, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data := func(change func(map[string][]byte)) map[string][]byte {
		d, err := good.data()
		if err != nil {
			t.Fatal(err)
		}
		change(d)
		return d
	}
	foreign, err := encodeKey(other.signer.key)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]map[string][]byte{
		"a certificate that is none": data(func(d map[string][]byte) { d[keySigner] = []byte("nonsense") }),
		"no key":                     data(func(d map[string][]byte) { delete(d, keySignerKey) }),
		"another certificate's key":  data(func(d map[string][]byte) { d[keySignerKey] = foreign }),
	}
	for name, d := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := parseAuthority(d); err == nil {
				t.Error("it was read without an error")
			}
		})
	}
}

func newCertificates(now *time.Time, kube *fake.Clientset) *Certificates {
	return NewCertificates(CertificateOptions{
		Kubernetes: kube, Namespace: v1alpha1.SystemNamespace, Names: ServiceNames(),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return *now },
	})
}

func TestReplicasAgreeOnOneAuthority(t *testing.T) {
	now := begun
	kube := fake.NewClientset()
	all := make([]*Certificates, 4)
	var wg sync.WaitGroup
	for i := range all {
		all[i] = newCertificates(&now, kube)
		wg.Go(func() {
			if err := all[i].Tend(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	published, err := kube.CoreV1().ConfigMaps(v1alpha1.SystemNamespace).Get(t.Context(), v1alpha1.BrokerCAConfigMap, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range all {
		if err := trusted(t, c.current, []byte(published.Data[v1alpha1.CAKey]), now); err != nil {
			t.Errorf("replica %d serves what the published CA does not trust: %v", i, err)
		}
	}
	if _, ok := published.Data["ca.key"]; ok {
		t.Error("the key is published")
	}
}

func TestAConflictingWriteIsReadAgain(t *testing.T) {
	now := begun
	kube := fake.NewClientset()
	first := newCertificates(&now, kube)
	if err := first.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(authorityLife - authorityRenew)
	conflicts := 0
	kube.PrependReactor("update", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
		if conflicts++; conflicts == 1 {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, authoritySecret, errors.New("changed"))
		}
		return false, nil, nil
	})
	if err := first.Tend(t.Context()); err != nil || conflicts != 2 {
		t.Errorf("Tend = %v after %d writes, want success with the second", err, conflicts)
	}
}

func TestTheServingCertificateIsRenewed(t *testing.T) {
	now := begun
	c := newCertificates(&now, fake.NewClientset())
	if _, err := c.Get(nil); err == nil {
		t.Error("a certificate before there is a CA")
	}
	if err := c.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := c.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(leafLife / 4)
	if same, err := c.Get(nil); err != nil || !same.Leaf.Equal(first.Leaf) {
		t.Errorf("a young certificate was replaced (%v)", err)
	}
	now = now.Add(leafLife / 2)
	if renewed, err := c.Get(nil); err != nil || renewed.Leaf.Equal(first.Leaf) {
		t.Errorf("an old certificate was not replaced (%v)", err)
	}
}

func TestABrokenSecretStopsTheBroker(t *testing.T) {
	now := begun
	kube := fake.NewClientset(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: v1alpha1.SystemNamespace, Name: authoritySecret},
		Data:       map[string][]byte{keySigner: []byte("nonsense")},
	})
	if err := newCertificates(&now, kube).Tend(t.Context()); err == nil {
		t.Error("a secret that cannot be read was replaced")
	}
}

func FuzzParseAuthority(f *testing.F) {
	a, _, err := (*authority)(nil).advance(begun, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	d, err := a.data()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d[keySigner], d[keySignerKey])
	f.Add([]byte("-----BEGIN CERTIFICATE-----"), []byte(nil))
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		a, err := parseAuthority(map[string][]byte{keySigner: cert, keySignerKey: key})
		if (a == nil) != (err != nil) {
			t.Errorf("parseAuthority = %v, %v", a, err)
		}
	})
}
