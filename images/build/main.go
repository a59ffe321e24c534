// Command build fills the image layout in the cache: it compiles the programs
// that run in the cluster and packs each into an image. Run it from the
// module's root:
//
//	go run ./images/build -version 0.1.0
//
// It prints one line for each image, its reference and its digest. The same
// sources give the same digests. What has not changed is neither linked nor
// written again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/kars-dev/kars/images"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "images/build:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	version := flags.String("version", "0.1.0", "version of kars: the images' tag, and what the programs say of themselves")
	cache := flags.String("cache", "", "folder of the cache (default $KARS_CACHE, else kars in the user's cache folder)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := cacheDir(*cache)
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	specs, err := compile(ctx, dir, *version)
	if err != nil {
		return err
	}
	dns, err := coreDNS(dir)
	if err != nil {
		return err
	}
	layout := images.Open(filepath.Join(dir, "images"))
	for _, s := range append(specs, dns...) {
		if err := put(ctx, layout, s, out); err != nil {
			return err
		}
	}
	return nil
}

// named is an image to be made.
type named struct {
	ref  string
	spec images.Spec
}

func put(ctx context.Context, layout *images.Layout, n named, out io.Writer) error {
	image, err := images.Pack(n.spec)
	if err != nil {
		return err
	}
	if err := layout.Put(ctx, n.ref, image); err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, n.ref, digest)
	return err
}

// compile builds the components whose sources are there, and pause.
func compile(ctx context.Context, cache, version string) ([]named, error) {
	var (
		specs    []named
		packages []string
		dir      = filepath.Join(cache, "bin", "kars-"+version)
	)
	for _, c := range images.Components() {
		if _, err := os.Stat(filepath.Join("cmd", c.Name, "main.go")); errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, "./cmd/"+c.Name)
		specs = append(specs, named{images.Reference(c.Name, version), spec(dir, c.Name, c.User)})
	}
	packages = append(packages, "./images/pause")
	// The user of AKS's pause image.
	specs = append(specs, named{images.Pause, spec(dir, "pause", 65535)})
	return specs, goBuild(ctx, dir, version, packages)
}

func spec(dir, name string, user int) images.Spec {
	return images.Spec{
		Binary:       filepath.Join(dir, name),
		Path:         "/" + name,
		User:         user,
		Architecture: runtime.GOARCH,
	}
}

// coreDNS finds the DNS servers that hack/coredns built, one for each version.
func coreDNS(cache string) ([]named, error) {
	found, err := filepath.Glob(filepath.Join(cache, "bin", "coredns-v*", "coredns"))
	if err != nil {
		return nil, err
	}
	var specs []named
	for _, binary := range found {
		dir := filepath.Dir(binary)
		version := strings.TrimPrefix(filepath.Base(dir), "coredns-")
		// Not root, as upstream's image: containerd 2 lets any user bind port 53.
		specs = append(specs, named{images.CoreDNS(version), spec(dir, "coredns", 65532)})
	}
	return specs, nil
}

func cacheDir(flagged string) (string, error) {
	for _, dir := range []string{flagged, os.Getenv("KARS_CACHE")} {
		if dir != "" {
			return filepath.Abs(dir)
		}
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache folder: %w", err)
	}
	return filepath.Join(base, "kars"), nil
}

// lock lets one build at a time write to the cache's binaries.
func lock(ctx context.Context, cache string) (func(), error) {
	dir := filepath.Join(cache, "images")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	held := flock.New(filepath.Join(dir, ".build.lock"))
	if _, err := held.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return nil, fmt.Errorf("waiting for another build: %w", err)
	}
	return func() { _ = held.Close() }, nil
}
