package cloud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/kars-dev/kars/internal/diagnose"
)

// CABundleVariable names the environment variable with the path of a PEM file
// of certificate authorities to trust beside the system's: a proxy's, or in a
// local cluster's pods the local Azure's.
const CABundleVariable = "KARS_CA_BUNDLE"

// TransportOptions configure [Transport].
type TransportOptions struct {
	// CABundle is the path of a PEM file trusted beside the system's roots;
	// none if empty. Callers take it from [CABundleVariable].
	CABundle string
}

// Transport reaches the real Azure, through a proxy where the environment names
// one.
func Transport(o TransportOptions) (*http.Transport, error) {
	t := base()
	t.Proxy = http.ProxyFromEnvironment
	if o.CABundle == "" {
		return t, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(o.CABundle)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authorities of %s: %w", CABundleVariable, err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the certificate authorities of %s: no certificate in %s", CABundleVariable, o.CABundle)
	}
	t.TLSClientConfig.RootCAs = roots
	return t, nil
}

// Local is a transport for which every host name, on port 443, is the local
// Azure at address ("127.0.0.1:port"), known by the certificate authority in
// caPEM and no other. An address or another port is refused with a
// [RefusedError], so that nothing leaves the machine; a local Azure that does
// not answer is a [NotRunningError].
func Local(address string, caPEM []byte) (*http.Transport, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the local Azure's address: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("the local Azure's address %s is not a loopback address", address)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(caPEM) {
		return nil, errors.New("the local Azure's certificate authority is not a PEM certificate")
	}
	t := base()
	t.TLSClientConfig.RootCAs = roots
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	t.DialContext = func(ctx context.Context, network, target string) (net.Conn, error) {
		name, port, err := net.SplitHostPort(target)
		if err != nil {
			return nil, err
		}
		if port != "443" || net.ParseIP(name) != nil {
			return nil, &RefusedError{Target: target}
		}
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil && ctx.Err() == nil {
			return nil, &NotRunningError{Address: address, Err: err}
		}
		return conn, err
	}
	return t, nil
}

func base() *http.Transport {
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

// NotRunningError says that the local Azure does not answer.
type NotRunningError struct {
	Address string
	Err     error
}

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("the local Azure does not answer at %s: %v", e.Address, e.Err)
}

func (e *NotRunningError) Unwrap() error { return e.Err }

// Diagnosis is the error in diagnose's terms.
func (e *NotRunningError) Diagnosis() diagnose.Error {
	return diagnose.Error{Plane: diagnose.Machine, Code: "LocalAzureNotRunning", Message: e.Error(), Target: e.Address}
}

// NonRetriable tells the Azure SDK that asking again is no use: the local Azure
// is started by a command, not by waiting.
func (e *NotRunningError) NonRetriable() {}

// RefusedError says that something other than an Azure host name on port 443
// was asked for through the local Azure's transport.
type RefusedError struct{ Target string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused to connect to %s: with the local Azure only host names on port 443 are reached", e.Target)
}

// NonRetriable tells the Azure SDK that asking again is no use.
func (e *RefusedError) NonRetriable() {}

// Doer sends requests as the Azure SDK wants it (policy.Transporter).
type Doer struct{ client *http.Client }

// NewDoer sends requests through rt and follows no redirect to another host, nor
// to another scheme, which would carry a bearer token there.
func NewDoer(rt http.RoundTripper) Doer {
	return Doer{&http.Client{
		Transport: rt,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Scheme != via[0].URL.Scheme || req.URL.Host != via[0].URL.Host || len(via) >= 5 {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// Do sends one request.
func (d Doer) Do(req *http.Request) (*http.Response, error) { return d.client.Do(req) }
