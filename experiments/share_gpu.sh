# To be sourced by scripts whose runs share a GPU: starts NVIDIA's Multi-Process Service for them, if this machine has it. Kernels of several runs
# then work at the same time, instead of the runs taking turns: two runs of Graph-Mamba on CLUSTER made 1,425 samples a second together, one alone
# 1,085 (experiments/2026-11-30_cluster).
if command -v nvidia-cuda-mps-control >/dev/null; then
    export CUDA_MPS_PIPE_DIRECTORY=${CUDA_MPS_PIPE_DIRECTORY:-$(mktemp -d)}
    export CUDA_MPS_LOG_DIRECTORY=$CUDA_MPS_PIPE_DIRECTORY
    nvidia-cuda-mps-control -d && trap 'echo quit | nvidia-cuda-mps-control' EXIT
fi
