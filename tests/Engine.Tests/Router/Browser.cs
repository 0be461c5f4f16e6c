using Microsoft.Playwright;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>Debian's Chromium, driven by the driver that comes with the package: nothing is loaded from anywhere.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly string[] Paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;

    private Browser(IPlaywright playwright, IBrowser browser) => (_playwright, _browser) = (playwright, browser);

    internal static async Task<Browser> StartAsync()
    {
        var path = Array.Find(Paths, File.Exists);
        Skip.If(path is null, "Chromium is not installed");
        var playwright = await Playwright.CreateAsync();
        return new Browser(playwright, await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path, Args = ["--no-sandbox", "--headless=new", "--disable-dev-shm-usage", "--disable-gpu"], Timeout = 120_000,
        }));
    }

    /// <summary>A page of a router, and what its console says that is wrong.</summary>
    internal async Task<(IPage Page, List<string> Problems)> OpenAsync(Uri url, int width = 1280, int height = 900, ColorScheme scheme = ColorScheme.Light)
    {
        var page = await _browser.NewPageAsync(new BrowserNewPageOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = height }, ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce,
        });
        page.SetDefaultTimeout((float)Wait.Long.TotalMilliseconds);
        Assertions.SetDefaultExpectTimeout((float)Wait.Long.TotalMilliseconds);
        List<string> problems = [];
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning") problems.Add(message.Text);
        };
        page.PageError += (_, error) => problems.Add(error);
        page.RequestFailed += (_, request) =>
        {
            if (request.Failure != "net::ERR_ABORTED") problems.Add($"{request.Url}: {request.Failure}");
        };
        await page.GotoAsync(url.ToString());
        return (page, problems);
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }
}
