using System.Globalization;

namespace Nixl.Sdk.Serve;

/// <summary>What a process holds, as the kernel counts it.</summary>
/// <param name="Files">Open file descriptors.</param>
/// <param name="Threads">Threads.</param>
/// <param name="ResidentBytes">Memory that is resident.</param>
internal sealed record ProcessFigures(int Files, int Threads, long ResidentBytes)
{
    /// <returns>Null if there is no such process.</returns>
    internal static ProcessFigures? Read(int process)
    {
        try
        {
            var status = File.ReadAllLines($"/proc/{process}/status");
            return new ProcessFigures(
                Directory.GetFiles($"/proc/{process}/fd").Length, (int)Field(status, "Threads:"), Field(status, "VmRSS:") * 1024);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Files} files, {Threads} threads, {ResidentBytes / 1e6:0} MB");

    private static long Field(string[] status, string name) =>
        status.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line
            ? long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture)
            : 0;
}
