using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Nixl.Sdk.Engine.Tests.Router;

/// <summary>Makes docs/images/page.png: the live page with real engines at work, one of which was killed (scripts/page-image.sh).</summary>
public sealed class PageImage
{
    [SkippableFact]
    public async Task Take()
    {
        var path = Environment.GetEnvironmentVariable("NIXL_PAGE_IMAGE");
        Skip.If(path is null, "NIXL_PAGE_IMAGE does not say where the image goes");
        await using var serve = await ServeProcess.StartAsync("--placement", "remote");
        await using var browser = await Browser.StartAsync();
        var (page, _) = await browser.OpenAsync(serve.Url, 1200, 1230);
        await Expect(page.Locator("#engines .engine")).ToHaveCountAsync(4);
        await GenerateAsync("And Moses said unto the people, Fear ye not, stand still, and see the salvation of the LORD", "16");
        await Expect(page.Locator("#figures")).ToContainTextAsync("Complete");
        await GenerateAsync("In the beginning God created", "4");
        await Expect(page.Locator("#requests .state").First).ToHaveTextAsync("decode");
        serve.Kill("decode-1");
        await Expect(page.Locator("#figures")).ToContainTextAsync("Complete");
        await GenerateAsync("The LORD is my shepherd; I shall not", "1");
        await Expect(page.Locator("#requests .state").First).ToHaveTextAsync("decode");
        await Task.Delay(300);
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = path });

        async Task GenerateAsync(string prompt, string copies)
        {
            await page.FillAsync("#prompt", prompt);
            await page.FillAsync("#tokens", "300");
            await page.SelectOptionAsync("#copies", copies);
            await page.ClickAsync("#start");
        }
    }
}
