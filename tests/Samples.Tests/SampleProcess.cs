using System.Diagnostics;

namespace Nixl.Sdk.Samples.Tests;

/// <summary>A sample as its user runs it.</summary>
internal static class SampleProcess
{
    internal static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    internal static void RequireNative(string transport)
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libnixlsdk.so")), "the native library is not built");
        if (transport == "fabric")
            Skip.IfNot(Directory.Exists("/usr/lib/x86_64-linux-gnu") && Directory.EnumerateFiles("/usr/lib/x86_64-linux-gnu", "libfabric.so.1*").Any(), "libfabric is not installed");
    }

    /// <summary>Runs it to its end.</summary>
    internal static async Task<(int Code, string Output, string Errors)> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, program));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync().WaitAsync(Deadline);
            return (process.ExitCode, await output.WaitAsync(Deadline), await errors.WaitAsync(Deadline));
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
