/*
 * Hides instructions from one process, by CPUID faulting: `npm run test:cpus` preloads it (LD_PRELOAD) into Node, and the
 * inference engine takes the kernels it has for an older CPU, at native speed. It hides VNNI, AVX-512 and AMX, which leaves an
 * AVX2 CPU; compiled with HIDE_AVX, AVX2, FMA and AVX too, which leaves SSE. Linux on x86-64 alone.
 *
 * arch_prctl(ARCH_SET_CPUID, 0) makes the CPUID instruction trap in a thread and in the threads it starts. The trap comes
 * as SIGSEGV; the handler executes CPUID in the program's place and gives the answer with some bits cleared. The process
 * ends with exit code 97 where the kernel refuses, so that no test passes on a CPU that was not hidden.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <cpuid.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif
#define BIT(n) (1u << (n))
#define REFUSED 97

typedef int sigaction_fn(int, const struct sigaction *, struct sigaction *);
static sigaction_fn *libc_sigaction;
/* The program's own action for SIGSEGV: kept here, since ours has to stay. */
static struct sigaction programs;
static int installed;

/* The bits are those of Intel's manual, volume 2A, tables of CPUID leaves 1 and 7. `out` is EAX, EBX, ECX, EDX. */
static void hide(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
#ifdef HIDE_AVX
    if (leaf == 1)
        out[2] &= ~(BIT(12) | BIT(28) | BIT(29)); /* FMA, AVX, F16C */
    if (leaf == 7 && subleaf == 0)
        out[1] &= ~BIT(5); /* AVX2 */
#endif
    if (leaf != 7)
        return;
    if (subleaf == 0) {
        /* AVX-512 F, DQ, IFMA, CD, BW, VL */
        out[1] &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(28) | BIT(30) | BIT(31));
        /* AVX-512 VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
        out[2] &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
        /* AVX-512 VP2INTERSECT, FP16; AMX BF16, TILE, INT8 */
        out[3] &= ~(BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
    } else if (subleaf == 1) {
        /* AVX-VNNI, AVX-512 BF16, AMX FP16, AVX-IFMA */
        out[0] &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23));
        /* AVX-VNNI-INT8, AVX-NE-CONVERT, AVX-VNNI-INT16 */
        out[3] &= ~(BIT(4) | BIT(5) | BIT(10));
    }
}

/* Executes CPUID with faulting off; it is a setting of the thread, so no other one sees the gap. */
static void answer(greg_t *registers)
{
    uint32_t leaf = registers[REG_RAX], subleaf = registers[REG_RCX], out[4];
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    __cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
    hide(leaf, subleaf, out);
    registers[REG_RAX] = out[0];
    registers[REG_RBX] = out[1];
    registers[REG_RCX] = out[2];
    registers[REG_RDX] = out[3];
    registers[REG_RIP] += 2;
}

/* Hands a true SIGSEGV on. The default action is restored, and the instruction, executed again, ends the process. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    if (programs.sa_flags & SA_SIGINFO)
        programs.sa_sigaction(number, info, context);
    else if (programs.sa_handler != SIG_DFL && programs.sa_handler != SIG_IGN)
        programs.sa_handler(number);
    else
        libc_sigaction(SIGSEGV, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static void on_segv(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)registers[REG_RIP];
    /* SI_KERNEL: a fault without an address. The first test keeps the second from reading where nothing is mapped. */
    if (info->si_code == SI_KERNEL && code[0] == 0x0f && code[1] == 0xa2)
        answer(registers);
    else
        pass_on(number, info, context);
}

/* Stands before the C library's: Node sets and resets the action for SIGSEGV, which would undo ours. */
int sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
    if (!libc_sigaction)
        libc_sigaction = (sigaction_fn *)dlsym(RTLD_NEXT, "sigaction");
    if (!installed || number != SIGSEGV)
        return libc_sigaction(number, action, old);
    if (old)
        *old = programs;
    if (action)
        programs = *action;
    return 0;
}

__attribute__((constructor)) static void start(void)
{
    struct sigaction ours = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigaction(SIGSEGV, &ours, &programs);
    installed = 1;
    if (syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) != 0)
        _exit(REFUSED);
}
