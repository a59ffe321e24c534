package localcluster

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// lifetime is how long a certificate of a cluster is valid, and renewBefore
// how much of it must be left when the cluster starts.
const (
	lifetime    = 10 * 365 * 24 * time.Hour
	renewBefore = 365 * 24 * time.Hour
)

// pki is the folder of a cluster's keys and certificates: name.crt and
// name.key, in PEM, keys with mode 0600.
type pki struct {
	dir string
	now func() time.Time

	ca    *x509.Certificate
	caKey crypto.Signer
}

// leaf describes a certificate.
type leaf struct {
	name         string // of its files
	commonName   string
	organization []string
	hosts        []string // DNS names and addresses; makes it a server's
}

// openPKI reads the certificate authority in dir, or makes one.
func openPKI(dir string, now func() time.Time) (*pki, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &pki{dir: dir, now: now}
	cert, key, err := p.load("ca")
	if err == nil {
		p.ca, p.caKey = cert, key
		return p, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the cluster's certificate authority: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "ca"}, // as AKS names it
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if err := p.sign("ca", template, nil, nil); err != nil {
		return nil, fmt.Errorf("making the cluster's certificate authority: %w", err)
	}
	p.ca, p.caKey, err = p.load("ca")
	return p, err
}

func (p *pki) certificate(name string) string { return filepath.Join(p.dir, name+".crt") }
func (p *pki) key(name string) string         { return filepath.Join(p.dir, name+".key") }

// ensure makes the certificate l unless there is one that says the same and
// lasts.
func (p *pki) ensure(l leaf) error {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: l.commonName, Organization: l.organization},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, h := range l.hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	if len(l.hosts) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if old, _, err := p.load(l.name); err == nil && p.stands(old, template) {
		return nil
	}
	if err := p.sign(l.name, template, p.ca, p.caKey); err != nil {
		return fmt.Errorf("certificate %s: %w", l.name, err)
	}
	return nil
}

// stands reports whether a certificate that exists may be used for what
// template asks.
func (p *pki) stands(c, template *x509.Certificate) bool {
	return c.CheckSignatureFrom(p.ca) == nil &&
		c.NotAfter.Sub(p.now()) > renewBefore &&
		c.Subject.CommonName == template.Subject.CommonName &&
		slices.Equal(c.Subject.Organization, template.Subject.Organization) &&
		slices.Equal(c.DNSNames, template.DNSNames) &&
		slices.EqualFunc(c.IPAddresses, template.IPAddresses, net.IP.Equal) &&
		slices.Equal(c.ExtKeyUsage, template.ExtKeyUsage)
}

// sign writes a new key and its certificate; without a parent it signs itself.
func (p *pki) sign(name string, template, parent *x509.Certificate, signer crypto.Signer) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if parent == nil {
		parent, signer = template, key
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return err
	}
	template.NotBefore, template.NotAfter = p.now().Add(-time.Hour), p.now().Add(lifetime)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	if err := writeKey(p.key(name), key); err != nil {
		return err
	}
	return writeFile(p.certificate(name), encodePEM("CERTIFICATE", der), 0o644)
}

func (p *pki) load(name string) (*x509.Certificate, crypto.Signer, error) {
	text, err := os.ReadFile(p.certificate(name))
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, nil, fmt.Errorf("%s holds no certificate", p.certificate(name))
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := readKey(p.key(name))
	return cert, key, err
}

// ensureServiceAccountKey makes the key that signs service accounts' tokens.
// It is RSA, as AKS' is: Entra takes RS256 alone for federated credentials.
func (p *pki) ensureServiceAccountKey() error {
	_, err := readKey(p.key("sa"))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return writeKey(p.key("sa"), key)
}

func readKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s holds a key that cannot sign", path)
	}
	return signer, nil
}

func writeKey(path string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeFile(path, encodePEM("PRIVATE KEY", der), 0o600)
}

func encodePEM(kind string, der []byte) []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}) // a buffer takes everything
	return b.Bytes()
}
