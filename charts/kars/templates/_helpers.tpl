{{/* Labels of a component; call with (dict "name" NAME "root" $). */}}
{{- define "kars.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: kars
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Pod Security's restricted level, for a container. */}}
{{- define "kars.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "kars.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "kars.caBundle.env" -}}
{{- if .Values.trust.caBundle }}
- name: KARS_CA_BUNDLE
  value: /etc/kars/ca-bundle/ca.crt
{{- end }}
{{- end }}

{{- define "kars.caBundle.mount" -}}
{{- if .Values.trust.caBundle }}
- name: ca-bundle
  mountPath: /etc/kars/ca-bundle
  readOnly: true
{{- end }}
{{- end }}

{{- define "kars.caBundle.volume" -}}
{{- if .Values.trust.caBundle }}
- name: ca-bundle
  configMap:
    name: kars-ca-bundle
{{- end }}
{{- end }}

{{/* A projected token; call with (dict "audience" AUDIENCE "path" PATH). */}}
{{- define "kars.token" -}}
projected:
  sources:
    - serviceAccountToken:
        audience: {{ .audience }}
        expirationSeconds: 3600
        path: {{ .path }}
{{- end }}

{{- define "kars.systemPool" -}}
{{- with .Values.systemPool.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.systemPool.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
