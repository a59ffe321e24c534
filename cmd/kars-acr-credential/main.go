// Command kars-acr-credential is a credential provider of the kubelet: it turns
// the node's managed identity into a token for Azure Container Registry. The
// kubelet runs it before a pull; it reads a request on standard input and
// writes the answer to standard output.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kars-dev/kars/internal/acr"
)

// version is set by the build.
var version = "dev"

// timeout is below the minute that the kubelet gives a plugin, so that the
// reason is told before the program is killed.
const timeout = 45 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kars-acr-credential:", err)
		os.Exit(1)
	}
}

func run() error {
	clientID := flag.String("client-id", "", "client id of the node's identity to use, where it has several")
	bundle := flag.String("ca-bundle", os.Getenv("KARS_CA_BUNDLE"), "PEM file with further authorities to trust (default $KARS_CA_BUNDLE)")
	printVersion := flag.Bool("version", false, "print the version")
	flag.Parse()
	if *printVersion {
		_, err := fmt.Println(version)
		return err
	}
	transport, err := trusting(*bundle)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return acr.Serve(ctx, acr.New(acr.Options{ClientID: *clientID, Transport: transport}), os.Stdin, os.Stdout)
}

// trusting returns a transport that trusts the machine's authorities and those
// in the file.
func trusting(file string) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if file == "" {
		return transport, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the CA bundle: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a node may have none of its own
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the CA bundle: %s holds no certificate", file)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return transport, nil
}
