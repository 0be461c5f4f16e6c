using System.Diagnostics;
using System.Globalization;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>An engine in a process of its own; its stderr is ours.</summary>
internal sealed class ChildEngine : EngineLink
{
    private readonly Process _process;

    internal ChildEngine(EngineOptions options, bool verbose)
        : this(options, Start(options, verbose))
    {
    }

    private ChildEngine(EngineOptions options, Process process)
        : base(options, EngineChannel.Of(process.StandardOutput.BaseStream, process.StandardInput.BaseStream)) => _process = process;

    internal override string DescribeEnd() => _process.WaitForExit(Grace)
        ? $"{Options.Agent} (process {_process.Id}) ended with exit code {_process.ExitCode}"
        : $"{Options.Agent} (process {_process.Id}) closed its output";

    public override async ValueTask DisposeAsync()
    {
        await AskToStopAsync();
        Channel.Dispose(); // closes its stdin
        using var deadline = new CancellationTokenSource(Grace);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine($"{Options.Agent} (process {_process.Id}) did not end within {Grace.TotalSeconds} s and is killed.");
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit(Grace);
        }
        _process.Dispose();
    }

    private static Process Start(EngineOptions options, bool verbose) =>
        OwnProgram.Start(verbose ? [.. Arguments(options), "--verbose"] : Arguments(options));

    private static IEnumerable<string> Arguments(EngineOptions options) =>
    [
        options.Role == EngineRole.Prefill ? "prefill" : "decode",
        "--name", options.Agent,
        "--model", options.Model,
        "--transport", options.Transport.ToString(),
        "--blocks", options.Blocks.ToString(CultureInfo.InvariantCulture),
        "--seed", options.Seed.ToString(CultureInfo.InvariantCulture),
        "--timeout", options.Timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture),
    ];
}
