using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>The demo as its user runs it: processes, native code, real transports. Skipped where the native library is not built.</summary>
public sealed class DemoProcessTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    [SkippableTheory]
    [InlineData("loopback", false)]
    [InlineData("local", true)]
    [InlineData("fabric", true)]
    public async Task Tokens_are_identical_and_the_transport_counted_every_byte(string transport, bool twoProcesses)
    {
        RequireNative(transport);
        using var demo = Start("demo", "--transport", transport, "--requests", "5", "--max-new-tokens", "24", "--seed", "77", "--json");
        var (code, output) = await EndAsync(demo);
        Assert.True(code == 0, output);
        Assert.Contains("tokens identical to monolithic: yes (5/5)", output, StringComparison.Ordinal);

        using var json = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]);
        var report = json.RootElement;
        Assert.True(report.GetProperty("identical").GetBoolean());
        Assert.Equal(transport, report.GetProperty("transport").GetString());
        Assert.Equal(5, report.GetProperty("requests").GetInt32());
        Assert.Equal(report.GetProperty("blocks").GetInt64() * 65536, report.GetProperty("kvBytes").GetInt64());
        Assert.Equal(report.GetProperty("kvBytes").GetInt64(), report.GetProperty("countedBytes").GetInt64());
        Assert.Equal(0, report.GetProperty("promptTokensComputedByDecode").GetInt64());
        Assert.Equal(twoProcesses, report.GetProperty("prefillProcessId").GetInt32() != report.GetProperty("decodeProcessId").GetInt32());
        foreach (var name in (string[])["promptTokens", "newTokens", "transferMsP50", "transferMsP99", "ttftMsP50"])
            Assert.True(report.GetProperty(name).GetDouble() > 0, name);
    }

    [SkippableFact]
    public async Task The_quickstart_moves_its_blocks_and_checks_them()
    {
        RequireNative("loopback");
        using var quickstart = Run("Quickstart.dll");
        var (code, output) = await EndAsync(quickstart);
        Assert.Equal((0, "request-1 from prefill-0: 6291456 bytes over Loopback"), (code, output.Trim()));
    }

    [SkippableFact]
    public async Task Engines_do_not_outlive_a_driver_that_is_killed()
    {
        RequireNative("local");
        using var demo = Start("demo", "--transport", "local", "--requests", "200", "--max-new-tokens", "300", "--timeout", "100");
        int[] engines = [await EngineAsync(demo), await EngineAsync(demo)];
        demo.Kill();
        await demo.WaitForExitAsync().WaitAsync(Deadline);
        var clock = Stopwatch.StartNew();
        while (engines.Any(Runs))
        {
            Assert.True(clock.Elapsed < Deadline, "an engine still runs");
            await Task.Delay(100);
        }
    }

    [SkippableFact]
    public async Task A_killed_engine_fails_the_demo_and_takes_the_other_with_it()
    {
        RequireNative("local");
        using var demo = Start("demo", "--transport", "local", "--requests", "200", "--max-new-tokens", "300", "--timeout", "100");
        int prefill = await EngineAsync(demo), decode = await EngineAsync(demo);
        using (var victim = Process.GetProcessById(decode)) victim.Kill();
        var (code, output) = await EndAsync(demo);
        Assert.Equal(2, code);
        Assert.False(Runs(prefill), output);
    }

    [Fact]
    public async Task Wrong_options_are_refused()
    {
        using var transport = Start("demo", "--transport", "carrier-pigeon");
        Assert.NotEqual(0, (await EndAsync(transport)).Code);
        using var requests = Start("demo", "--requests", "0");
        Assert.NotEqual(0, (await EndAsync(requests)).Code);
        using var model = Start("demo", "--model", "/nonexistent");
        Assert.Equal(2, (await EndAsync(model)).Code);
    }

    private static void RequireNative(string transport)
    {
        Skip.IfNot(File.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libnixlsdk.so")), "the native library is not built");
        if (transport == "fabric")
            Skip.IfNot(Directory.Exists("/usr/lib") && Directory.EnumerateFiles("/usr/lib/x86_64-linux-gnu", "libfabric.so.1*").Any(), "libfabric is not installed");
    }

    private static Process Start(params string[] arguments) => Run("Disaggregated.dll", arguments);

    private static Process Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, program));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { }; // drained, so that it never blocks
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Reads on to the next line that names an engine's process.</summary>
    private static async Task<int> EngineAsync(Process demo)
    {
        while (await demo.StandardOutput.ReadLineAsync().WaitAsync(Deadline) is { } line)
        {
            var at = line.IndexOf("engine", StringComparison.Ordinal);
            var process = line.IndexOf("process ", StringComparison.Ordinal);
            if (at >= 0 && process > at) return int.Parse(line[(process + 8)..line.IndexOf(',', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
        }
        throw new InvalidOperationException("The demo ended before it named its engines.");
    }

    private static async Task<(int Code, string Output)> EndAsync(Process process)
    {
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(Deadline);
            await process.WaitForExitAsync().WaitAsync(Deadline);
            return (process.ExitCode, output);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static bool Runs(int process)
    {
        try
        {
            // A child that nobody waits for stays as a zombie where the test runs without an init process.
            return !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
