// Writes one line for every kernel and copy on the GPU: start, end (ns), grid or bytes, name. CUDA loads it by itself:
//
//   gcc -shared -fPIC -I$CUDA/include trace.c -o trace.so -L$CUDA/lib -lcupti
//   TRACE_OUT=trace.tsv CUDA_INJECTION64_PATH=$PWD/trace.so elapid train ...
#include <cupti.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *out;

static void CUPTIAPI request(uint8_t **buffer, size_t *size, size_t *records) {
    *size = 8 << 20;
    *buffer = aligned_alloc(8, *size);
    *records = 0;
}

static void CUPTIAPI complete(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size, size_t valid) {
    CUpti_Activity *record = NULL;
    while (cuptiActivityGetNextRecord(buffer, valid, &record) == CUPTI_SUCCESS) {
        if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
            CUpti_ActivityKernel9 *kernel = (void *)record;
            fprintf(out, "%llu\t%llu\t%d,%d,%d\t%s\n", (unsigned long long)kernel->start, (unsigned long long)kernel->end,
                    kernel->gridX, kernel->gridY, kernel->gridZ, kernel->name);
        } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
            CUpti_ActivityMemcpy5 *copy = (void *)record;
            fprintf(out, "%llu\t%llu\t%llu\tMEMCPY%d\n", (unsigned long long)copy->start, (unsigned long long)copy->end,
                    (unsigned long long)copy->bytes, copy->copyKind);
        }
    }
    free(buffer);
}

static void finish(void) {
    cuptiActivityFlushAll(1);
    fclose(out);
}

int InitializeInjection(void) {
    out = fopen(getenv("TRACE_OUT"), "w");
    cuptiActivityRegisterCallbacks(request, complete);
    cuptiActivityEnable(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
    cuptiActivityEnable(CUPTI_ACTIVITY_KIND_MEMCPY);
    atexit(finish);
    return 1;
}
