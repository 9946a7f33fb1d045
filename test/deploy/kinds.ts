/** What the checks read of the rendered objects. Fields that Kubernetes has and the manifests do not use are not here. */
export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Any object, `spec` and `data` still unread. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Meta;
  readonly spec?: unknown;
  readonly data?: unknown;
  readonly automountServiceAccountToken?: boolean;
}

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly args: readonly string[];
  readonly env: readonly EnvVar[];
  readonly envFrom: ReadonlyArray<{ readonly configMapRef: { readonly name: string } }>;
  readonly ports: ReadonlyArray<{ readonly name: string; readonly containerPort: number; readonly protocol: string }>;
  readonly resources: {
    readonly requests: Readonly<Record<string, string>>;
    readonly limits: Readonly<Record<string, string>>;
  };
  readonly securityContext: unknown;
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly volumeMounts: ReadonlyArray<{
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }>;
}

export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string; readonly defaultMode: number };
  readonly emptyDir?: { readonly sizeLimit: string; readonly medium?: string };
  readonly secret?: {
    readonly secretName: string;
    readonly defaultMode: number;
    readonly items: ReadonlyArray<{ readonly key: string; readonly path: string }>;
  };
  readonly persistentVolumeClaim?: { readonly claimName: string; readonly readOnly: boolean };
}

export interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: unknown;
  readonly topologySpreadConstraints: ReadonlyArray<{
    readonly maxSkew: number;
    readonly topologyKey: string;
    readonly whenUnsatisfiable: string;
    readonly labelSelector: unknown;
  }>;
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

export interface DeploymentSpec {
  readonly replicas?: number;
  readonly revisionHistoryLimit: number;
  readonly progressDeadlineSeconds: number;
  readonly minReadySeconds: number;
  readonly strategy: unknown;
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly template: { readonly metadata: Omit<Meta, 'name'>; readonly spec: PodSpec };
}

export interface ScaledObjectSpec {
  readonly scaleTargetRef: unknown;
  readonly pollingInterval: number;
  readonly minReplicaCount: number;
  readonly maxReplicaCount: number;
  readonly advanced: {
    readonly horizontalPodAutoscalerConfig: {
      readonly behavior: { readonly scaleUp: ScalingRules; readonly scaleDown: ScalingRules };
    };
  };
  readonly triggers: readonly [
    {
      readonly type: string;
      readonly metricType: string;
      readonly metadata: Readonly<Record<string, string>>;
      readonly authenticationRef?: unknown;
    },
  ];
}

export interface ScalingRules {
  readonly stabilizationWindowSeconds: number;
  readonly selectPolicy: string;
  readonly policies: ReadonlyArray<{ readonly type: string; readonly value: number; readonly periodSeconds: number }>;
}

export interface KafkaTopicSpec {
  readonly topicName: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface KafkaUserSpec {
  readonly authentication: { readonly type: string };
  readonly authorization: { readonly type: string; readonly acls: readonly unknown[] };
}
