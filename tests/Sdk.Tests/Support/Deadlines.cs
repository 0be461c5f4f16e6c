namespace Nixl.Sdk.Tests.Support;

/// <summary>Every wait of a test has a deadline, generous because the machine may be busy.</summary>
internal static class Deadlines
{
    public static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    public static Task<T> SoonAsync<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Soon);

    public static Task SoonAsync(this ValueTask task) => task.AsTask().WaitAsync(Soon);

    public static Task<T> SoonAsync<T>(this Task<T> task) => task.WaitAsync(Soon);

    public static Task SoonAsync(this Task task) => task.WaitAsync(Soon);

    /// <summary>Until the condition holds; fails the test at the deadline.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        var end = DateTime.UtcNow + Soon;
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < end, $"Not within {Soon}: {what}");
            await Task.Delay(5);
        }
    }
}
