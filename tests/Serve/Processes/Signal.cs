using System.Runtime.InteropServices;

namespace Nixl.Sdk.Serve;

/// <summary>What the kernel does to a process on our behalf; the numbers are Linux's.</summary>
internal enum Signal
{
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}

internal static partial class Signals
{
    /// <summary>Sends a signal.</summary>
    /// <returns>False if there is no such process any more.</returns>
    internal static bool Send(int process, Signal signal) => Kill(process, (int)signal) == 0;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
