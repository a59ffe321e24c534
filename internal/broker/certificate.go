package broker

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kars-dev/kars/api/v1alpha1"
)

const (
	// authoritySecret holds the CA; only the broker may read it.
	authoritySecret = "kars-broker-ca"
	// tendEvery is how often the CA and what is published of it are looked at.
	tendEvery = 10 * time.Minute
	// tendRetries bounds how often one look is repeated because another
	// replica wrote in between.
	tendRetries = 5
)

// CertificateOptions say where the CA is kept and for whom it signs.
type CertificateOptions struct {
	// Kubernetes reads and writes the secret and the ConfigMap, uncached.
	Kubernetes kubernetes.Interface
	// Namespace of both, kars-system.
	Namespace string
	// Names are the DNS names under which the broker is called.
	Names []string
	Log   *slog.Logger
	// Now is the clock, time.Now when nil; Random is crypto/rand's when nil.
	Now    func() time.Time
	Random io.Reader
}

// Certificates keeps the broker's CA and its serving certificate. Any number
// of replicas may run: each write carries the version that was read, and who
// loses reads what the other wrote.
type Certificates struct {
	o CertificateOptions

	mu      sync.Mutex
	current *authority
	leaf    *tls.Certificate
}

// NewCertificates returns a Certificates; [Certificates.Tend] fills it.
func NewCertificates(o CertificateOptions) *Certificates {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return &Certificates{o: o}
}

// Run tends the CA until the context ends.
func (c *Certificates) Run(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.Tend(ctx); err != nil && ctx.Err() == nil {
				c.o.Log.Error("tending the broker's CA", "error", err)
			}
		}
	}
}

// Tend makes, rotates and publishes the CA as the time demands.
func (c *Certificates) Tend(ctx context.Context) error {
	var a *authority
	err := retryConflict(ctx, func() (err error) {
		a, err = c.advance(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("secret %s/%s: %w", c.o.Namespace, authoritySecret, err)
	}
	if err := retryConflict(ctx, func() error { return c.publish(ctx, a.bundle()) }); err != nil {
		return fmt.Errorf("publishing the broker's CA in ConfigMap %s/%s: %w", c.o.Namespace, v1alpha1.BrokerCAConfigMap, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || !c.current.signer.cert.Equal(a.signer.cert) {
		c.leaf = nil
	}
	c.current = a
	return nil
}

// Get serves [tls.Config.GetCertificate].
func (c *Certificates) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil {
		return nil, errors.New("the broker's CA is not there yet")
	}
	now := c.o.Now()
	if c.leaf != nil && now.Before(c.leaf.Leaf.NotAfter.Add(-leafLife/2)) {
		return c.leaf, nil
	}
	leaf, err := c.current.leaf(now, c.o.Random, c.o.Names)
	if err != nil {
		return nil, err
	}
	c.leaf = leaf
	return leaf, nil
}

// advance reads the secret, brings it up to the time and writes it back.
func (c *Certificates) advance(ctx context.Context) (*authority, error) {
	secrets := c.o.Kubernetes.CoreV1().Secrets(c.o.Namespace)
	secret, err := secrets.Get(ctx, authoritySecret, metav1.GetOptions{})
	absent := apierrors.IsNotFound(err)
	if err != nil && !absent {
		return nil, err
	}
	var old *authority
	if !absent && len(secret.Data) > 0 {
		if old, err = parseAuthority(secret.Data); err != nil {
			return nil, err
		}
	}
	a, changed, err := old.advance(c.o.Now(), c.o.Random)
	if err != nil || !changed {
		return a, err
	}
	data, err := a.data()
	if err != nil {
		return nil, err
	}
	if absent {
		_, err = secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: authoritySecret, Namespace: c.o.Namespace},
			Type:       corev1.SecretTypeOpaque,
			Data:       data,
		}, metav1.CreateOptions{})
	} else {
		secret = secret.DeepCopy()
		secret.Data = data
		_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
	}
	if err != nil {
		return nil, err
	}
	c.o.Log.Info("the broker's CA advanced", "signer", a.signer.cert.Subject.CommonName, "ends", a.signer.cert.NotAfter, "successor", a.next != nil)
	return a, nil
}

// publish writes the bundle where it differs.
func (c *Certificates) publish(ctx context.Context, bundle []byte) error {
	configMaps := c.o.Kubernetes.CoreV1().ConfigMaps(c.o.Namespace)
	published, err := configMaps.Get(ctx, v1alpha1.BrokerCAConfigMap, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = configMaps.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.BrokerCAConfigMap, Namespace: c.o.Namespace},
			Data:       map[string]string{v1alpha1.CAKey: string(bundle)},
		}, metav1.CreateOptions{})
		return err
	}
	if err != nil || bytes.Equal([]byte(published.Data[v1alpha1.CAKey]), bundle) {
		return err
	}
	published = published.DeepCopy()
	published.Data = maps.Clone(published.Data)
	if published.Data == nil {
		published.Data = map[string]string{}
	}
	published.Data[v1alpha1.CAKey] = string(bundle)
	_, err = configMaps.Update(ctx, published, metav1.UpdateOptions{})
	return err
}

// retryConflict repeats f while another replica writes at the same time.
func retryConflict(ctx context.Context, f func() error) error {
	var err error
	for range tendRetries {
		if err = f(); !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return err
}
