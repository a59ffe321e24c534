package localcluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/utils/ptr"

	"github.com/kars-dev/kars/localazure"
)

// user is what a person has of a cluster.
type user struct {
	*kubernetes.Clientset
	config *rest.Config
}

func connectTo(t *testing.T, c localazure.Cluster) user {
	t.Helper()
	config := &rest.Config{
		Host:            c.Server,
		TLSClientConfig: rest.TLSClientConfig{CAData: c.CA, CertData: c.AdminCertificate, KeyData: c.AdminKey},
		QPS:             -1,
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return user{client, config}
}

// echoPod runs testdata/echo with a token for Entra.
func echoPod(name string, change func(*core.PodSpec)) *core.Pod {
	p := &core.Pod{
		ObjectMeta: meta.ObjectMeta{Name: name, Namespace: "default"},
		Spec: core.PodSpec{
			Containers: []core.Container{{
				Name:  "echo",
				Image: echoImage,
				ReadinessProbe: &core.Probe{
					ProbeHandler:  core.ProbeHandler{TCPSocket: &core.TCPSocketAction{Port: intstr.FromInt32(8080)}},
					PeriodSeconds: 1,
				},
				VolumeMounts: []core.VolumeMount{{Name: "token", MountPath: "/token"}},
			}},
			Volumes: []core.Volume{{Name: "token", VolumeSource: core.VolumeSource{Projected: &core.ProjectedVolumeSource{
				Sources: []core.VolumeProjection{{ServiceAccountToken: &core.ServiceAccountTokenProjection{
					Audience: "api://AzureADTokenExchange", Path: "token", ExpirationSeconds: ptr.To[int64](3600),
				}}},
			}}}},
			TerminationGracePeriodSeconds: ptr.To[int64](1),
		},
	}
	if change != nil {
		change(&p.Spec)
	}
	return p
}

// create creates a pod as soon as its namespace's service account is there.
func (u user) create(t *testing.T, p *core.Pod) {
	t.Helper()
	eventually(t, "creating pod "+p.Name, func(ctx context.Context) error {
		_, err := u.CoreV1().Pods(p.Namespace).Create(ctx, p, meta.CreateOptions{})
		return err
	})
}

// awaitReady waits until a container of the pod was started after a moment
// and the pod is Ready.
func (u user) awaitReady(t *testing.T, name string, after time.Time) *core.Pod {
	t.Helper()
	var pod *core.Pod
	eventually(t, "pod "+name, func(ctx context.Context) (err error) {
		pod, err = u.CoreV1().Pods("default").Get(ctx, name, meta.GetOptions{})
		if err != nil {
			return err
		}
		for _, s := range pod.Status.ContainerStatuses {
			if !s.Ready || s.State.Running == nil || s.State.Running.StartedAt.Time.Before(after.Truncate(time.Second)) {
				return fmt.Errorf("not ready: %+v", s.State)
			}
		}
		if len(pod.Status.ContainerStatuses) == 0 {
			return fmt.Errorf("has no containers yet: %s, %+v", pod.Status.Phase, pod.Status.Conditions)
		}
		return nil
	})
	return pod
}

// ask asks testdata/echo in a pod, through a port-forward.
func (u user) ask(t *testing.T, pod, question string, parameters ...string) string {
	t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		values.Set(parameters[i], parameters[i+1])
	}
	transport, upgrader, err := spdy.RoundTripperFor(u.config)
	if err != nil {
		t.Fatal(err)
	}
	target := u.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name(pod).SubResource("portforward").URL()
	stop, ready := make(chan struct{}), make(chan struct{})
	defer close(stop)
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("forwarding to pod %s: %v", pod, err)
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/%s?%s", ports[0].Local, question, values.Encode()))
	if err != nil {
		t.Fatalf("asking pod %s: %v", pod, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eventually fails the test if fn goes on failing for half a minute.
func eventually(t *testing.T, what string, fn func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := fn(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}
