package broker

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

const (
	// authorityLife is how long one CA certificate is valid.
	authorityLife = 365 * 24 * time.Hour
	// authorityRenew is how long before its end a successor is announced.
	authorityRenew = 90 * 24 * time.Hour
	// authorityNotice is how long a successor is announced before it signs, so
	// that every pod has it among the trusted ones by then.
	authorityNotice = 24 * time.Hour
	// leafLife is how long a serving certificate is valid; it exists in memory
	// alone and is replaced at half of it.
	leafLife = 24 * time.Hour
	// skew allows for clocks that are behind.
	skew = 5 * time.Minute
)

// The keys of the secret that holds the broker's CA.
const (
	keySigner     = "ca.crt"
	keySignerKey  = "ca.key"
	keyNext       = "next.crt"
	keyNextKey    = "next.key"
	keyPrevious   = "previous.crt"
	typeCert      = "CERTIFICATE"
	typeKey       = "PRIVATE KEY"
	authorityName = "kars broker"
)

// pair is a certificate with its key.
type pair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// authority is the CA that signs the broker's serving certificate, its
// announced successor and its predecessor.
type authority struct {
	signer   pair
	next     *pair
	previous *x509.Certificate
}

// parseAuthority reads the secret's data. Data that cannot be read is an
// error, never replaced: whoever broke it may still have the old key trusted.
func parseAuthority(data map[string][]byte) (*authority, error) {
	signer, err := parsePair(data[keySigner], data[keySignerKey])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keySigner, err)
	}
	a := &authority{signer: signer}
	if len(data[keyNext]) > 0 {
		next, err := parsePair(data[keyNext], data[keyNextKey])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keyNext, err)
		}
		a.next = &next
	}
	if len(data[keyPrevious]) > 0 {
		if a.previous, err = parseCertificate(data[keyPrevious]); err != nil {
			return nil, fmt.Errorf("%s: %w", keyPrevious, err)
		}
	}
	return a, nil
}

// advance returns the authority as it should be at a time, and whether that
// differs: a successor is announced, takes over after its notice, and the
// predecessor is dropped when it has ended. A nil authority is begun.
func (a *authority) advance(now time.Time, random io.Reader) (*authority, bool, error) {
	if a == nil || !now.Before(a.signer.cert.NotAfter) {
		signer, err := newPair(now, random)
		return &authority{signer: signer}, true, err
	}
	out, changed := *a, false
	if out.previous != nil && !now.Before(out.previous.NotAfter) {
		out.previous, changed = nil, true
	}
	switch {
	case out.next == nil && !now.Before(out.signer.cert.NotAfter.Add(-authorityRenew)):
		next, err := newPair(now, random)
		if err != nil {
			return nil, false, err
		}
		out.next, changed = &next, true
	case out.next != nil && !now.Before(out.next.cert.NotBefore.Add(skew+authorityNotice)):
		out.previous, out.signer, out.next, changed = out.signer.cert, *out.next, nil, true
	}
	return &out, changed, nil
}

// data is what the secret holds.
func (a *authority) data() (map[string][]byte, error) {
	key, err := encodeKey(a.signer.key)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{keySigner: encodeCertificate(a.signer.cert), keySignerKey: key}
	if a.next != nil {
		if out[keyNextKey], err = encodeKey(a.next.key); err != nil {
			return nil, err
		}
		out[keyNext] = encodeCertificate(a.next.cert)
	}
	if a.previous != nil {
		out[keyPrevious] = encodeCertificate(a.previous)
	}
	return out, nil
}

// bundle is what callers trust: signer, successor and predecessor, as PEM.
func (a *authority) bundle() []byte {
	var b bytes.Buffer
	b.Write(encodeCertificate(a.signer.cert))
	if a.next != nil {
		b.Write(encodeCertificate(a.next.cert))
	}
	if a.previous != nil {
		b.Write(encodeCertificate(a.previous))
	}
	return b.Bytes()
}

// leaf issues a serving certificate for the names.
func (a *authority) leaf(now time.Time, random io.Reader, names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial(random)
	if err != nil {
		return nil, err
	}
	end := now.Add(leafLife)
	if end.After(a.signer.cert.NotAfter) {
		end = a.signer.cert.NotAfter
	}
	raw, err := x509.CreateCertificate(random, &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: authorityName},
		DNSNames:     names,
		NotBefore:    now.Add(-skew),
		NotAfter:     end,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.signer.cert, key.Public(), a.signer.key)
	if err != nil {
		return nil, fmt.Errorf("signing the serving certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: cert}, nil
}

func newPair(now time.Time, random io.Reader) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return pair{}, err
	}
	serial, err := newSerial(random)
	if err != nil {
		return pair{}, err
	}
	raw, err := x509.CreateCertificate(random, &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: authorityName + " CA " + serial.Text(16)[:8]},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: authorityName + " CA " + serial.Text(16)[:8]}}, key.Public(), key)
	if err != nil {
		return pair{}, fmt.Errorf("making the CA certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(raw)
	return pair{cert, key}, err
}

func newSerial(random io.Reader) (*big.Int, error) {
	// The high bit is set so that the number always has all its digits.
	n, err := rand.Int(random, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	return n.SetBit(n, 126, 1), nil
}

func parsePair(cert, key []byte) (pair, error) {
	c, err := parseCertificate(cert)
	if err != nil {
		return pair{}, err
	}
	block, _ := pem.Decode(key)
	if block == nil || block.Type != typeKey {
		return pair{}, errors.New("no private key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return pair{}, errors.New("the private key cannot be read")
	}
	signer, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !signer.PublicKey.Equal(c.PublicKey) {
		return pair{}, errors.New("key and certificate do not belong together")
	}
	return pair{c, signer}, nil
}

func parseCertificate(raw []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != typeCert {
		return nil, errors.New("no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

func encodeCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typeCert, Bytes: c.Raw})
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: raw}), nil
}
