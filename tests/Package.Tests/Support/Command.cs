using System.Diagnostics;
using System.Text;

namespace Nixl.Sdk.Package.Tests.Support;

/// <summary>Child processes that end: at their time limit they are killed with all their children, and the test fails with their output.</summary>
internal static class Command
{
    // Below the three minutes after which test.sh takes a test for hung.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(160);

    /// <summary>The output of a process that must end with 0.</summary>
    public static async Task<string> RunAsync(
        string directory, string file, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        SetEnvironment(start.Environment, environment);

        using var process = new Process { StartInfo = start };
        var output = new StringBuilder();
        process.OutputDataReceived += Append;
        process.ErrorDataReceived += Append;
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{Line()} did not end within {Limit.TotalSeconds:0} s:\n{Text()}");
        }

        Assert.True(process.ExitCode == 0, $"{Line()} ended with {process.ExitCode}:\n{Text()}");
        return Text();

        string Line() => $"{file} {string.Join(' ', arguments)}";

        string Text()
        {
            lock (output) return output.ToString();
        }

        void Append(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is null) return;
            lock (output) output.Append(line.Data).Append('\n');
        }
    }

    // The test host was itself started by MSBuild: what that left in the environment is not what a user has. Servers that would outlive
    // the command, and keep its output open, are not used.
    private static void SetEnvironment(IDictionary<string, string?> target, IReadOnlyDictionary<string, string>? more)
    {
        foreach (var name in target.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            target.Remove(name);
        target.Remove("NIXL_SDK_NATIVE");
        target["DOTNET_NOLOGO"] = "1";
        target["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        target["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        target["DOTNET_CLI_UI_LANGUAGE"] = "en";
        target["MSBUILDDISABLENODEREUSE"] = "1";
        target["MSBUILDTERMINALLOGGER"] = "off";
        target["UseSharedCompilation"] = "false";
        foreach (var (name, value) in more ?? new Dictionary<string, string>())
            target[name] = value;
    }
}
