using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>From errors to exit codes.</summary>
internal static class Exits
{
    internal const int Differs = 1;
    internal const int Failed = 2;
    internal const int Cancelled = 130;

    /// <summary>Errors that are a peer's, a transport's or a file's: everything that a person can do something about.</summary>
    internal static bool IsExpected(Exception e) => e is WeightsException or NixlException or ModelFormatException or IOException or UnauthorizedAccessException or TimeoutException;

    /// <summary>Runs a command; its errors become a line on stderr and a code.</summary>
    internal static async Task<int> RunAsync(Func<Task<int>> command, CancellationToken cancellation)
    {
        try
        {
            return await command();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Cancelled.");
            return Cancelled;
        }
        catch (Exception e) when (IsExpected(e))
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return Failed;
        }
    }
}
