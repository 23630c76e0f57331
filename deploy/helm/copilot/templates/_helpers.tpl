{{- define "copilot.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "copilot.labels" -}}
app.kubernetes.io/name: copilot
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "copilot.selector" -}}
app.kubernetes.io/name: copilot
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "copilot.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "copilot.checked" -}}
{{- $most := .Values.api.replicas }}
{{- if .Values.api.autoscaling.enabled }}{{ $most = .Values.api.autoscaling.max }}{{ end }}
{{- if and (gt (int $most) 0) (not .Values.secrets.redis.name) }}
{{- fail "several servers (the API and its worker) need Redis: set secrets.redis.name" }}
{{- end }}
{{- /* The demo shop's orders are in each pod's own folder: a refund made in one would be unknown to the next. */}}
{{- $shop := get .Values.settings "COPILOT_ORDER_SYSTEM" | default "embedded" }}
{{- if and (gt (int $most) 1) (hasSuffix "embedded" $shop) }}
{{- fail "several API servers cannot share the embedded order system: set settings.COPILOT_ORDER_SYSTEM to your own, or one API replica" }}
{{- end }}
{{- end }}

{{- define "copilot.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "copilot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "copilot.environment" -}}
- name: COPILOT_DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ .root.Values.secrets.database.name }}, key: {{ .root.Values.secrets.database.urlKey }} } }
{{- with .root.Values.secrets.redis }}
{{- if .name }}
- name: COPILOT_REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ .name }}, key: {{ .urlKey }} } }
{{- end }}
{{- end }}
- name: COPILOT_SECRET_FILE
  value: /run/copilot/secret
- name: COPILOT_TENANT
  value: {{ .root.Values.tenant | quote }}
- name: COPILOT_BACKGROUND_WORK
  value: {{ .background | quote }}
{{- with .root.Values.llm }}
{{- if .baseUrl }}
- name: COPILOT_LLM_BASE_URL
  value: {{ .baseUrl | quote }}
- name: COPILOT_LLM_MODEL
  value: {{ .model | quote }}
{{- end }}
{{- end }}
{{- with .root.Values.secrets.llm }}
{{- if .name }}
- name: COPILOT_LLM_API_KEY
  valueFrom: { secretKeyRef: { name: {{ .name }}, key: {{ .apiKeyKey }} } }
{{- end }}
{{- end }}
{{- range $name, $value := .root.Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "copilot.pod" -}}
metadata:
  labels:
    {{- include "copilot.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 30
  securityContext:
    {{- include "copilot.podSecurity" . | nindent 4 }}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "copilot.selector" . | nindent 10 }}
  containers:
    - name: copilot
      image: {{ include "copilot.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: [serve]
      securityContext:
        {{- include "copilot.containerSecurity" . | nindent 8 }}
      env:
        {{- include "copilot.environment" . | nindent 8 }}
      ports:
        - { name: http, containerPort: 8000 }
      startupProbe:
        httpGet: { path: /healthz, port: http }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: {{ .ready }}, port: http }
        periodSeconds: 3
        timeoutSeconds: 4
        failureThreshold: 2
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - { name: data, mountPath: /data }
        - { name: tmp, mountPath: /tmp }
        - { name: secret, mountPath: /run/copilot, readOnly: true }
  volumes:
    - name: data
      emptyDir: {}
    - name: tmp
      emptyDir: {}
    - name: secret
      secret:
        secretName: {{ .root.Values.secrets.server.name }}
        defaultMode: 0440
        items:
          - { key: {{ .root.Values.secrets.server.secretKey }}, path: secret }
{{- end }}
