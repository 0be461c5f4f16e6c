using System.Diagnostics;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>This program, once more.</summary>
internal static class OwnProgram
{
    /// <summary>Starts it as another process whose stdin and stdout are ours to use; its stderr is ours.</summary>
    internal static Process Start(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        // Started with "dotnet x.dll" or as a program of its own: start another of the same.
        var self = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is not known.");
        start.FileName = self;
        if (Path.GetFileNameWithoutExtension(self) == "dotnet") start.ArgumentList.Add(typeof(OwnProgram).Assembly.Location);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return Process.Start(start) ?? throw new InvalidOperationException($"{self} did not start.");
    }
}
