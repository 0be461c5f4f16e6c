namespace Nixl.Sdk.Serving;

internal static class KvSeconds
{
    private const double Longest = 1e9; // thirty years: who compares times needs no exception instead

    public static TimeSpan ToTime(double seconds) => TimeSpan.FromSeconds(seconds < Longest ? seconds : Longest);
}
